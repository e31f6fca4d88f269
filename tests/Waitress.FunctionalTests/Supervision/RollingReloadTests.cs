using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>SIGHUP and SIGUSR2: new code, new settings and new programs, without a failed request.</summary>
public sealed class RollingReloadTests
{
    private static readonly string[] TwoProcesses = ["--worker-class=process", "--workers=2"];

    [Theory]
    [InlineData("--worker-class=process", "--workers=2")]
    [InlineData("--supervise", "--threads=2")]
    public async Task Reload_TwentyTimesUnderLoad_FailsNoRequest(params string[] options)
    {
        await using var server = await PythonServer.StartAsync("supervised:app", options);
        await using var load = new SteadyLoad(server);
        await load.MoreAsync();
        for (var round = 0; round < 20; round++)
        {
            await WorkerProcesses.ReloadAsync(server);
        }

        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.True(load.Answers.Count >= 20, $"only {load.Answers.Count} processes have answered");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Reload_IntoBrokenCodeAndBack_KeepsTheOldWorkersServing()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", Page("one"));
        await using var server = await PythonServer.StartAsync("page:app", TwoProcesses, folder: folder.Path);
        await using var load = new SteadyLoad(server);
        await load.MoreAsync();
        folder.Write("page.py", "def app(:\n");
        server.Process.Signal(PythonProcess.Sighup);
        await server.Log.WaitForLog("SyntaxError");
        await server.Log.WaitForLog("Reload given up");
        await load.MoreAsync();
        Assert.Equal(["one"], load.Answers.Keys);
        folder.Write("page.py", Page("two"));
        server.Process.Signal(PythonProcess.Sighup);
        await load.AnsweredByAsync("two");
        await server.Log.WaitForLog("Reload: every worker is new");
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Reload_OfTheSettingsFile_ChangesTheWorkersAndRefusesNonsense()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("w.toml", "worker_class = 'process'\nworkers = 1\n");
        await using var server = await PythonServer.StartAsync("supervised:app", ["--config=" + file]);
        await WorkerProcesses.ServingAsync(server, 1);
        folder.Write("w.toml", "worker_class = 'process'\nworkers = 3\n");
        server.Process.Signal(PythonProcess.Sighup);
        await WorkerProcesses.ServingAsync(server, 3);
        await server.Log.WaitForLog("Reload: every worker is new");
        folder.Write("w.toml", "worker_class = 'process'\nworkers = -3\n");
        server.Process.Signal(PythonProcess.Sighup);
        await server.Log.WaitForLog("Reload refused");
        await WorkerProcesses.ServingAsync(server, 3);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Upgrade_ToANewVersionBackAndAgain_FailsNoRequest()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", Page("one"));
        await using var server = await PythonServer.StartAsync("page:app", TwoProcesses, folder: folder.Path);
        await using var load = new SteadyLoad(server);
        await load.MoreAsync();
        folder.Write("page.py", Page("two"));
        var successor = await WorkerProcesses.UpgradeAsync(server);
        try
        {
            await load.AnsweredByAsync("two");

            // The way back.
            PythonProcess.Send(successor, PythonProcess.Sigterm);
            await server.Log.WaitForLog("this one goes on");
            await load.MoreAsync();

            // And to the end.
            folder.Write("page.py", Page("three"));
            successor = await WorkerProcesses.UpgradeAsync(server);
            await load.AnsweredByAsync("three");
            server.Process.Signal(PythonProcess.Sigterm);
            await Deadline.Until(() => server.Process.HasExited, "the old supervisor ends");
            await load.MoreAsync();
            await load.EndWithoutFailureAsync();
        }
        finally
        {
            PythonProcess.Send(successor, PythonProcess.Sigterm);
            await Deadline.Until(() => !WorkerProcesses.Runs(successor), "the successor ends");
        }
    }

    [Fact]
    public async Task Upgrade_OnAUnixSocket_LeavesTheFileToTheLast()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        await using var server = await PythonServer.StartOnAsync(path, "supervised:app", TwoProcesses);
        var successor = await WorkerProcesses.UpgradeAsync(server);
        server.Process.Signal(PythonProcess.Sigterm);
        await Deadline.Until(() => server.Process.HasExited, "the old supervisor ends");
        using (var client = await server.ConnectAsync())
        {
            Assert.Equal(200, (await client.GetAsync("/")).Status);
        }

        PythonProcess.Send(successor, PythonProcess.Sigterm);
        await Deadline.Until(() => !WorkerProcesses.Runs(successor) && !File.Exists(path), "the successor ends and removes the file");
    }

    [Fact]
    public async Task Upgrade_ThatFailsToStart_IsLoggedAndTheOldOneGoesOn()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", Page("one"));
        await using var server = await PythonServer.StartAsync("page:app", TwoProcesses, folder: folder.Path);
        await using var load = new SteadyLoad(server);
        folder.Write("page.py", "raise RuntimeError('not this version')\n");
        server.Process.Signal(PythonProcess.Sigusr2);
        await server.Log.WaitForLog("ended with exit code 3; this one goes on");
        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    private static string Page(string text) => $$"""
        from urllib.parse import parse_qs

        def app(environ, start_response):
            body = ("{{text}} " + parse_qs(environ["QUERY_STRING"])["name"][0]).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        """;
}
