using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>waitress-ctl against a running supervisor.</summary>
public sealed class ControlTests
{
    [Fact]
    public async Task Commands_OneAfterTheOther_DoWhatTheySay()
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("control.sock");
        await using var server = await StartAsync("--control-socket=" + socket);
        var before = await WorkersAsync(socket, 2);
        Assert.All(before, worker => Assert.Equal("ready", worker.GetProperty("state").GetString()));

        await GoodAsync(socket, "add");
        await WorkersAsync(socket, 3);
        await GoodAsync(socket, "remove");
        await WorkersAsync(socket, 2);

        var stacks = await GoodAsync(socket, "stacks");
        Assert.Equal(2, stacks.Output.Count(line => line.StartsWith("Worker ", StringComparison.Ordinal)));
        Assert.Contains("Thread MainThread", stacks.OutputText, StringComparison.Ordinal);
        Assert.Contains("objects collected", (await GoodAsync(socket, "gc")).OutputText, StringComparison.Ordinal);

        await GoodAsync(socket, "reload");
        var after = await WorkersAsync(socket, 2);
        Assert.Empty(Pids(after).Intersect(Pids(before)));
        await server.AssertServesAsync();

        var table = await GoodAsync(socket, "status");
        Assert.Contains($"http://127.0.0.1:{server.Port}", table.Output[0], StringComparison.Ordinal);
        Assert.StartsWith("WORKER", table.Output[2], StringComparison.Ordinal);

        await GoodAsync(socket, "stop");
        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.False(File.Exists(socket));
        var gone = await CtlAsync("--socket", socket, "status");
        Assert.Equal((1, $"Error: No server answers at {socket}"), (gone.Code, gone.ErrorText));
    }

    [Fact]
    public async Task Server_TheOnlyOneInTheRuntimeFolder_IsFoundAndSeveralAreListed()
    {
        using var folder = new TemporaryFolder();
        var environment = new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = folder.Path, ["TMPDIR"] = folder.Path };
        await using var first = await StartAsync(environment);
        var found = await CtlAsync(environment, "status", "--json");
        Assert.True(found.Code == 0, found.ErrorText);
        Assert.Equal(first.Process.Id, JsonDocument.Parse(found.OutputText).RootElement.GetProperty("pid").GetInt32());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File($"waitress/{first.Process.Id}.sock")));

        await using var second = await StartAsync(environment);
        var several = await CtlAsync(environment, "status");
        Assert.Equal(2, several.Code);
        foreach (var server in new[] { first, second })
        {
            Assert.Contains($"{server.Process.Id}.sock  http://127.0.0.1:{server.Port}", several.ErrorText, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Stacks_OfAWorkerInARequest_ShowTheAppsLine()
    {
        using var folder = new TemporaryFolder();
        using var gate = new Gate();
        var socket = folder.File("control.sock");
        await using var server = await StartAsync("--control-socket=" + socket);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        Assert.Contains("waits.py", (await GoodAsync(socket, "stacks")).OutputText, StringComparison.Ordinal);
        gate.Open();
        Assert.Equal("waited held", (await client.ReceiveAsync()).Text);
    }

    [Fact]
    public async Task Socket_OfALivingServer_IsNeverTaken()
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("control.sock");
        await using var server = await StartAsync("--control-socket=" + socket);
        var ended = await PythonProcess.RunAsync(
            ["-m", "waitress", "--listen=127.0.0.1:0", "--worker-class=process", "--control-socket=" + socket, "hello:app"]);
        Assert.Equal(1, ended.Code);
        Assert.Contains($"belongs to the running process {server.Process.Id}", ended.ErrorText, StringComparison.Ordinal);
        await WorkersAsync(socket, 2);
    }

    [Fact]
    public async Task Commands_OfAServerWithoutASupervisor_DoWhatOneProcessCan()
    {
        using var folder = new TemporaryFolder();
        using var gate = new Gate();
        var socket = folder.File("control.sock");
        await using var server = await PythonServer.StartAsync("suite:app", ["--threads=2", "--control-socket=" + socket]);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(socket));
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("alone")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered alone");
        var worker = Assert.Single(await WorkersAsync(socket, 1));
        Assert.Equal(server.Process.Id, worker.GetProperty("pid").GetInt32());
        Assert.Equal((1, 2), (worker.GetProperty("in_flight").GetInt32(), worker.GetProperty("threads").GetInt32()));
        Assert.Contains("waits.py", (await GoodAsync(socket, "stacks")).OutputText, StringComparison.Ordinal);
        Assert.Contains($"127.0.0.1:{server.Port}: process {server.Process.Id}, serving", (await GoodAsync(socket, "status")).OutputText, StringComparison.Ordinal);
        Assert.Contains("objects collected", (await GoodAsync(socket, "gc")).OutputText, StringComparison.Ordinal);
        await GoodAsync(socket, "memory");
        await GoodAsync(socket, "reopen");
        var refused = await CtlAsync("--socket", socket, "add");
        Assert.Equal((1, "Error: add needs a supervisor, which this server has not (docs/workers.md)"), (refused.Code, refused.ErrorText));
        gate.Open();
        Assert.Equal("waited alone", (await client.ReceiveAsync()).Text);
        await GoodAsync(socket, "stop");
        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.False(File.Exists(socket));
    }

    // Another test's server, or another program's, may be in root's folder in /run.
    private const string OnlyFirstFolder = """
        import sys
        from waitress import _control_path, ctl
        folders = _control_path.folders
        _control_path.folders = lambda: folders()[:1]
        sys.exit(ctl.main())
        """;

    private static Task<PythonServer> StartAsync(string option) =>
        PythonServer.StartAsync("suite:app", ["--worker-class=process", "--workers=2", option]);

    private static Task<PythonServer> StartAsync(IReadOnlyDictionary<string, string> environment) =>
        PythonServer.StartAsync("suite:app", ["--worker-class=process", "--workers=2"], environment: environment);

    private static Task<PythonProcess.Ended> CtlAsync(params string[] arguments) => PythonProcess.RunAsync(["-m", "waitress.ctl", .. arguments]);

    private static Task<PythonProcess.Ended> CtlAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        PythonProcess.RunAsync(["-c", OnlyFirstFolder, .. arguments], environment: environment);

    private static async Task<PythonProcess.Ended> GoodAsync(string socket, string command)
    {
        var ended = await CtlAsync("--socket", socket, command);
        Assert.True(ended.Code == 0, $"{command}: code {ended.Code}\n{ended.ErrorText}");
        return ended;
    }

    /// <summary>Waits until so many workers, and no others, are there and ready.</summary>
    private static async Task<IReadOnlyList<JsonElement>> WorkersAsync(string socket, int count)
    {
        IReadOnlyList<JsonElement> workers = [];
        await Deadline.Until(
            async () =>
            {
                var ended = await CtlAsync("--socket", socket, "workers", "--json");
                Assert.True(ended.Code == 0, ended.ErrorText);
                workers = [.. JsonDocument.Parse(ended.OutputText).RootElement.GetProperty("workers").EnumerateArray()];
                return workers.Count == count && workers.All(worker => worker.GetProperty("state").GetString() == "ready");
            },
            $"{count} workers are ready");
        return workers;
    }

    private static IEnumerable<int> Pids(IEnumerable<JsonElement> workers) => workers.Select(worker => worker.GetProperty("pid").GetInt32());
}
