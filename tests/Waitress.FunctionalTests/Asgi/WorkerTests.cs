using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>ASGI apps in several processes.</summary>
public sealed class AsgiWorkerTests
{
    [Fact]
    public async Task Workers_ReloadedUnderLoad_LoseNothing()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--workers=2", "--worker-class=process"]);
        var before = await WorkerProcesses.ServingAsync(server, 2);
        await using var load = new SteadyLoad(server, clients: 4, target: "/supervised");
        await load.UntilAsync(50);
        server.Process.Signal(PythonProcess.Sighup);
        await Deadline.Until(() => WorkerProcesses.Of(server) is { Count: 2 } now && !now.Intersect(before).Any(), "new workers");
        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Worker_WhoseLoopHangs_IsReplaced()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--workers=2", "--worker-class=process", "--worker-timeout=2", "--loop-stall=0.5"]);
        var before = await WorkerProcesses.ServingAsync(server, 2);
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n");
            await server.Log.WaitForMark("hanging");
            await Deadline.Until(() => WorkerProcesses.Of(server) is { Count: 2 } now && now.Except(before).Count() == 1, "one new worker");
        }

        await server.Log.WaitForLog("in hang");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Stacks_Asked_ShowWhereTasksWait()
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("control.sock");
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--worker-class=process", "--workers=1", "--graceful-timeout=1", "--control-socket=" + socket]);
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /sleep?name=held HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        var told = await PythonProcess.RunAsync(["-m", "waitress.ctl", "--socket", socket, "stacks"]);
        Assert.Contains("  Task ", told.OutputText + told.ErrorText, StringComparison.Ordinal);
        Assert.Contains("in sleeping_in_the_app", told.OutputText, StringComparison.Ordinal);
        Assert.Contains("Thread waitress-loop", told.OutputText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "--workers=3")]
    [InlineData(false)]
    public async Task Workers_ForMoreLoops_AreWarnedOf(bool warned, params string[] options)
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", options);
        await server.AssertServesAsync();
        Assert.Equal(warned, server.Log.Lines.Any(line => line.Contains("has one event loop here", StringComparison.Ordinal)));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Worker_WhoseAppDoesNotStart_FailsTheStart()
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", "--workers=2", "--worker-class=process", "asgi_lifespan:app"],
            environment: new Dictionary<string, string> { ["ASGI_LIFESPAN"] = "failed" });
        Assert.NotEqual(0, ended.Code);
        Assert.Contains("no database today", ended.ErrorText, StringComparison.Ordinal);
    }
}
