using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>An app that grows with each request: waitress-ctl memory and --memory-report name the type, and where its objects hang.</summary>
public sealed class MemoryTests
{
    private const string App = "examples.leaking:app";

    [Fact]
    public async Task Ctl_OfAWorkerThatLeaks_NamesTheTypeAndTheContainerAndTheLine()
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("control.sock");
        await using var server = await PythonServer.StartAsync(
            App, ["--worker-class=process", "--workers=1", "--control-socket=" + socket],
            environment: new Dictionary<string, string> { ["PYTHONTRACEMALLOC"] = "1" }, folder: Pythons.Repository);
        await RequestAsync(server, 10);
        var first = await MemoryAsync(socket);
        Assert.Equal(JsonValueKind.Null, first.GetProperty("since").ValueKind);
        await RequestAsync(server, 400);
        var second = await MemoryAsync(socket);

        var visit = Assert.Single(second.GetProperty("types").EnumerateArray(), row => row.GetProperty("type").GetString() == "examples.leaking.Visit");
        Assert.Equal((410, 400), (visit.GetProperty("count").GetInt32(), visit.GetProperty("growth").GetInt32()));
        var container = Assert.Single(second.GetProperty("largest").EnumerateArray(), row => row.GetProperty("where").GetString() == "examples.leaking.VISITS");
        Assert.Equal(410, container.GetProperty("items").GetInt32());
        var line = second.GetProperty("tracemalloc").GetProperty("lines")[0];
        Assert.Contains("examples/leaking.py:", line.GetProperty("where").GetString(), StringComparison.Ordinal);
        Assert.InRange(line.GetProperty("growth").GetInt64(), 400 * 20_000, 400 * 30_000);
        Assert.InRange(second.GetProperty("process").GetProperty("private").GetInt64(), 410 * 20_000, 1L << 32);
        Assert.InRange(second.GetProperty("engine").GetProperty("heap").GetInt64(), 1, 1L << 32);

        var table = await PythonProcess.RunAsync(["-m", "waitress.ctl", "--socket", socket, "memory"]);
        Assert.Contains(table.Output, row => row.Contains("examples.leaking.VISITS", StringComparison.Ordinal));
        Assert.StartsWith("Supervisor, process ", table.Output[^1], StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Option_OfAServerWithoutASupervisor_WritesReportsToTheLog()
    {
        await using var server = await PythonServer.StartAsync(App, ["--memory-report=0.3"], folder: Pythons.Repository);
        await RequestAsync(server, 2000);
        await server.Log.WaitForLog("examples.leaking.VISITS");
        Assert.Contains(server.Log.Lines, line => line.StartsWith("INFO:waitress.memory:Memory: ", StringComparison.Ordinal));
        await RequestAsync(server, 10);
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Option_OfClassInterpreter_TellsOfEachInterpreter(string python)
    {
        var version = await PythonProcess.RunAsync(["-c", "import sys; print(sys.version_info >= (3, 12))"], python);
        if (version.OutputText != "True")
        {
            return; // There is no class interpreter; InterpreterTests has the refusal.
        }

        await using var server = await PythonServer.StartAsync(App, ["--worker-class=interpreter", "--workers=1", "--memory-report=0.3"], python, folder: Pythons.Repository);
        await RequestAsync(server, 500);
        await server.Log.WaitForLog("Interpreter waitress-interpreter-0");
        await server.Log.WaitForLog("examples.leaking.VISITS");
        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task RequestAsync(PythonServer server, int count)
    {
        using var client = await server.ConnectAsync();
        for (var turn = 0; turn < count; turn++)
        {
            Assert.Equal(200, (await client.GetAsync("/")).Status);
        }
    }

    private static async Task<JsonElement> MemoryAsync(string socket)
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress.ctl", "--socket", socket, "--json", "memory"]);
        Assert.True(ended.Code == 0, ended.ErrorText);
        return JsonDocument.Parse(ended.OutputText).RootElement.GetProperty("workers")[0].GetProperty("result");
    }
}
