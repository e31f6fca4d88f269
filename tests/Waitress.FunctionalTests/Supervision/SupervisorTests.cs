using System.Diagnostics;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>Start, number of workers and end of a supervised service.</summary>
public sealed class SupervisorTests
{
    private static readonly string[] TwoProcesses = ["--worker-class=process", "--workers=2"];

    [Fact]
    public async Task Start_SaysWhoServesAndHowMuchAtOnce()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--threads=3"]);
        await server.Log.WaitForLog($"Supervisor {server.Process.Id}, CPython 3.");
        await server.Log.WaitForLog("worker class process: 2 workers with 3 threads each, 6 requests served at once");
        await WorkerProcesses.ServingAsync(server, 2);
        Assert.Single(server.Addresses());
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain("Traceback", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task App_ThatCannotBeImported_EndsTheWholeWithItsTracebackOnce()
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. TwoProcesses, "broken_import:app"]);
        Assert.Equal(3, ended.Code);
        Assert.Single(ended.Errors, line => line.StartsWith("Traceback", StringComparison.Ordinal));
        Assert.Contains("Error: The app 'broken_import:app' could not be imported", ended.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task App_IsImportedByEachWorkerAndNobodyElse()
    {
        using var folder = new TemporaryFolder();
        folder.Write("told.py", """
            import os, sys
            print(f"MARK imported {os.getpid()}", file=sys.stderr, flush=True)

            def app(environ, start_response):
                start_response("200 OK", [("Content-Length", "2")])
                return [b"ok"]
            """);
        await using var server = await PythonServer.StartAsync("told:app", TwoProcesses, folder: folder.Path);
        var workers = await WorkerProcesses.ServingAsync(server, 2);
        await Deadline.Until(() => workers.All(worker => server.Log.HasMark($"imported {worker}")), "both have imported it");
        Assert.Equal(2, server.Log.Lines.Count(line => line.Contains("MARK imported", StringComparison.Ordinal)));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task TwoSupervisors_OnOnePort_IsOneClearErrorAndCodeOne()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        var second = await PythonProcess.RunAsync(["-m", "waitress", $"--listen=127.0.0.1:{server.PortText}", .. TwoProcesses, "supervised:app"]);
        Assert.Equal(1, second.Code);
        Assert.StartsWith($"Error: Cannot listen on 127.0.0.1:{server.PortText}", second.Errors[0], StringComparison.Ordinal);
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/")).Status);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task TtinAndTtou_AddAndRemoveAWorkerWithoutAFailedRequest()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        await WorkerProcesses.ServingAsync(server, 2);
        await using var load = new SteadyLoad(server);
        await load.MoreAsync();
        server.Process.Signal(PythonProcess.Sigttin);
        await WorkerProcesses.ServingAsync(server, 3);
        await load.MoreAsync();
        server.Process.Signal(PythonProcess.Sigttou);
        await WorkerProcesses.ServingAsync(server, 2);
        server.Process.Signal(PythonProcess.Sigttou);
        await WorkerProcesses.ServingAsync(server, 1);
        server.Process.Signal(PythonProcess.Sigttou);
        await server.Log.WaitForLog("the last one stays");
        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Growth_WhileRequestsWait_AddsWorkersUpToTheMost()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", ["--worker-class=process", "--workers=1", "--max-workers=3"]);
        Assert.Single(await WorkerProcesses.ServingAsync(server, 1));
        await using var load = new SteadyLoad(server, clients: 10, target: "/slow");
        await WorkerProcesses.ServingAsync(server, 3);
        await Deadline.Until(() => load.Answers.Count == 3, "all three answer");
        await load.EndWithoutFailureAsync();
        Assert.Equal(3, WorkerProcesses.Of(server).Count);
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData(PythonProcess.Sigterm)]
    [InlineData(PythonProcess.Sigint)]
    public async Task Stop_FinishesTheRequestsOfEveryWorker(int signal)
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        var workers = await WorkerProcesses.ServingAsync(server, 2);
        var clients = new List<RawClient>();
        for (var index = 0; index < 6; index++)
        {
            clients.Add(await server.ConnectAsync());
            await clients[index].SendAsync($"GET /sleep?seconds=0.5&name=r{index} HTTP/1.1\r\nHost: test\r\n\r\n");
        }

        server.Process.Signal(signal);
        for (var index = 0; index < clients.Count; index++)
        {
            Assert.EndsWith($" r{index}", (await clients[index].ReceiveAsync()).Text, StringComparison.Ordinal);
            clients[index].Dispose();
        }

        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.DoesNotContain(workers, WorkerProcesses.Runs);
    }

    /// <summary>
    /// What was asked before the signal is answered, all of it. After it a new connection may be refused, and a kept one be closed; an
    /// answer is still never a wrong one.
    /// </summary>
    [Theory]
    [InlineData("/")]
    [InlineData("/slow")]
    public async Task Stop_UnderSteadyLoad_AnswersEverythingAskedBefore(string target)
    {
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--threads=4"]);
        await WorkerProcesses.ServingAsync(server, 2);
        await using var load = new SteadyLoad(server, target: target);
        await load.MoreAsync();
        var signalled = Stopwatch.GetTimestamp();
        Assert.Equal(0, await server.StopAsync());
        await load.EndAsync();
        Assert.DoesNotContain(load.Failures, failure => failure.Begun < signalled || failure.Wrong);
        Assert.DoesNotContain("still r", server.Log.Text, StringComparison.Ordinal); // "still running", threads or requests
    }

    [Fact]
    public async Task Usr1_AfterLogrotate_OpensTheFilesOfEveryWorkerAnew()
    {
        using var folder = new TemporaryFolder();
        var log = folder.File("log");
        folder.Write("logs.py", $$"""
            import logging, os
            logging.basicConfig(filename={{$"'{log}'"}}, format="%(process)d %(message)s")

            def app(environ, start_response):
                logging.warning("asked")
                start_response("200 OK", [("Content-Length", "2")])
                return [b"ok"]
            """);
        await using var server = await PythonServer.StartAsync("logs:app", TwoProcesses, folder: folder.Path);
        var workers = await WorkerProcesses.ServingAsync(server, 2);
        await EachAnswersAsync(log);
        File.Move(log, log + ".1");
        server.Process.Signal(PythonProcess.Sigusr1);
        await EachAnswersAsync(log);
        Assert.Equal(workers, WorkerProcesses.Of(server));
        Assert.Equal(0, await server.StopAsync());

        Task EachAnswersAsync(string file) => Deadline.Until(
            async () =>
            {
                using var client = await server.ConnectAsync();
                Assert.Equal("ok", (await client.GetAsync("/")).Text);
                return File.Exists(file) && await File.ReadAllTextAsync(file) is var text
                    && workers.All(worker => text.Contains($"{worker} asked", StringComparison.Ordinal));
            },
            $"both workers write to {file}");
    }

    [Fact]
    public async Task Stop_AskedTwice_EndsAtOnceByTheSignal()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        var workers = await WorkerProcesses.ServingAsync(server, 2);
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("hanging");
        server.Process.Signal(PythonProcess.Sigterm);
        await server.Log.WaitForLog("a second signal ends at once");
        server.Process.Signal(PythonProcess.Sigterm);
        Assert.Equal(128 + PythonProcess.Sigterm, await server.Process.ExitAsync());
        await Deadline.Until(() => !workers.Any(WorkerProcesses.Runs), "the workers are gone");
    }

    [Fact]
    public async Task Quit_ClosesConnectionsAtOnce()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /sleep?seconds=30 HTTP/1.1\r\nHost: test\r\n\r\n");
        await Deadline.Until(() => client.Waiting == 0 && WorkerProcesses.Of(server).Count == 2, "both workers are there");
        server.Process.Signal(PythonProcess.Sigquit);
        await client.AssertClosedAsync();
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Fact]
    public async Task UnixSocket_IsServedByAllWorkersAndRemovedAtTheEnd()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        await using var server = await PythonServer.StartOnAsync(path, "supervised:app", TwoProcesses);
        await WorkerProcesses.ServingAsync(server, 2);
        await using (var load = new SteadyLoad(server))
        {
            await Deadline.Until(() => load.Answers.Count == 2, "both workers answer");
            await load.EndWithoutFailureAsync();
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task ServeWithAName_RunsTheSupervisorInPlace()
    {
        using var folder = new TemporaryFolder();
        folder.Write("page.py", "def app(environ, start_response):\n    start_response('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n");
        var script = folder.Write("main.py", "import waitress\nwaitress.serve('page:app', worker_class='process', workers=2, listen='127.0.0.1:0')\nprint('MARK returned')\n");
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start([script]));
        await WorkerProcesses.ServingAsync(server, 2);
        using var client = await server.ConnectAsync();
        Assert.Equal("ok", (await client.GetAsync("/")).Text);
        Assert.Equal(0, await server.StopAsync());
        Assert.True(server.Process.Output.HasMark("returned"));
    }
}
