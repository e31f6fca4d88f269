using System.Diagnostics;
using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>Workers that die, hang or grow: they are replaced, the log says why, and nobody but their own clients notices.</summary>
public sealed class WorkerLossTests
{
    private const int Sigstop = 19;

    private static readonly string[] TwoProcesses = ["--worker-class=process", "--workers=2"];

    [Fact]
    public async Task Kill9_AgainAndAgainUnderLoad_FailsOnlyTheDeadWorkersConnections()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        await WorkerProcesses.ServingAsync(server, 2);
        await using var load = new SteadyLoad(server);
        var kills = new List<(int Process, long Moment)>();
        for (var round = 0; round < 8; round++)
        {
            await load.MoreAsync(60);
            var victim = WorkerProcesses.Of(server)[round % 2];
            kills.Add((victim, Stopwatch.GetTimestamp()));
            PythonProcess.Send(victim, PythonProcess.Sigkill);
            await Deadline.Until(
                () => WorkerProcesses.Of(server) is { Count: 2 } now && !now.Contains(victim), $"worker {victim} is replaced");
            await server.Log.WaitForLog($"(pid {victim}) was killed by SIGKILL");
        }

        await load.MoreAsync(60);
        await load.EndAsync();
        foreach (var failure in load.Failures)
        {
            // A kept connection of the dead worker fails at its next request; one without an answer so far was under way when it died.
            Assert.True(
                kills.Exists(kill => failure.Process.Length == 0 ? failure.Covers(kill.Moment) : failure.Process == Text(kill.Process) && failure.Ended >= kill.Moment),
                $"{failure}\n{string.Join('\n', server.Log.Lines.TakeLast(40))}");
        }

        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData("/exit", "ended with exit code 7", "its last words: these are my last words")]
    [InlineData("/crash", "was killed by SIGSEGV", "")]
    public async Task App_ThatEndsItsProcess_IsReplacedWithTheReasonLogged(string target, string reason, string words)
    {
        await using var server = await PythonServer.StartAsync("supervised:app", ["--supervise"]);
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.AssertClosedAsync();
        }

        // The one worker there was: the next connection waits in the kernel for the new one.
        using var next = await server.ConnectAsync();
        Assert.Equal(200, (await next.GetAsync("/")).Status);
        var line = await server.Log.WaitForLog(reason);
        Assert.Contains("it is replaced at once", line, StringComparison.Ordinal);
        Assert.Contains(words, line, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Worker_WhoseEveryThreadHangs_ShowsItsStacksAndIsReplaced()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--worker-timeout=2"]);
        await WorkerProcesses.ServingAsync(server, 2);
        using var hanging = await server.ConnectAsync();
        await hanging.SendAsync("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("hanging");
        await server.Log.WaitForLog("has hung: every thread has been inside one request");
        await server.Log.WaitForLog("supervised.py\", line");
        await hanging.AssertClosedAsync();
        await WorkerProcesses.ServingAsync(server, 2);
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/")).Status);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Worker_WhoseProcessIsHalted_IsReplaced()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--worker-timeout=2"]);
        var victim = (await WorkerProcesses.ServingAsync(server, 2))[0];
        PythonProcess.Send(victim, Sigstop); // Its engine does not turn, and no signal but the last one reaches it.
        await server.Log.WaitForLog($"(pid {victim}) has hung: its engine has not turned");
        await Deadline.Until(() => WorkerProcesses.Of(server) is { Count: 2 } now && !now.Contains(victim), $"worker {victim} is replaced");
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/")).Status);
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>The limit on a request answers for each, and the threads have successors; the worker has one when that is no way to go on.</summary>
    [Fact]
    public async Task Worker_WithMoreThanHalfItsThreadsStuckInC_IsReplacedWithoutAFailedRequest()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", ["--supervise", "--threads=2", "--request-timeout=0.5", "--graceful-timeout=1"]);
        await using var load = new SteadyLoad(server, clients: 4);
        await load.MoreAsync();
        var before = Assert.Single(WorkerProcesses.Of(server));
        for (var turn = 0; turn < 2; turn++)
        {
            using var client = await server.ConnectAsync();
            Assert.Equal(504, (await client.GetAsync("/stuck")).Status);
        }

        await server.Log.WaitForLog($"(pid {before}) is replaced: stuck");
        await Deadline.Until(() => !WorkerProcesses.Runs(before), "the worker with the stuck threads leaves");
        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>With several threads no request of the worker need wait: only its main thread can tell.</summary>
    [Theory]
    [InlineData("1")]
    [InlineData("4")]
    public async Task Worker_WhoseCCodeHoldsTheGil_ShowsItsStacksAndIsReplaced(string threads)
    {
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--worker-timeout=3", "--threads=" + threads]);
        await WorkerProcesses.ServingAsync(server, 2);
        using var holding = await server.ConnectAsync();
        await holding.SendAsync("GET /hold HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("holding");
        await server.Log.WaitForLog("has hung: ");
        await server.Log.WaitForLog("supervised.py\", line");
        await holding.AssertClosedAsync();
        await WorkerProcesses.ServingAsync(server, 2);
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/")).Status);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Worker_ThatLeaks_IsRecycledWithoutAFailedRequest()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", ["--supervise", "--max-memory=200M"]);
        await using var load = new SteadyLoad(server, clients: 4);
        await load.MoreAsync();
        var before = Assert.Single(WorkerProcesses.Of(server));
        using (var client = await server.ConnectAsync())
        {
            Assert.Equal(200, (await client.GetAsync("/leak?mib=250")).Status);
        }

        await server.Log.WaitForLog("max_memory is 200 MiB");
        await Deadline.Until(() => !WorkerProcesses.Runs(before), "the leaking worker leaves");
        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Worker_ThatSomebodyTerminates_FinishesItsRequestsAndIsReplaced()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        await WorkerProcesses.ServingAsync(server, 2);
        await using var load = new SteadyLoad(server, target: "/");
        for (var round = 0; round < 3; round++)
        {
            await load.MoreAsync();
            var victim = WorkerProcesses.Of(server)[0];
            PythonProcess.Send(victim, PythonProcess.Sigterm);
            await Deadline.Until(() => WorkerProcesses.Of(server) is { Count: 2 } now && !now.Contains(victim), $"worker {victim} is replaced");
        }

        await load.MoreAsync();
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task MaxRequests_UnderLoad_LosesNoneOfTenThousand()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--max-requests=50", "--max-requests-jitter=20"]);
        await using var load = new SteadyLoad(server, clients: 16);
        for (var hundreds = 0; hundreds < 100 || load.Answers.Count < 22; hundreds++)
        {
            await load.MoreAsync(100);
        }

        await load.EndWithoutFailureAsync();
        Assert.True(load.Count >= 10_000);
        Assert.True(load.Answers.Count >= 20, $"only {load.Answers.Count} processes have answered");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task MaxLifetime_UnderLoad_ReplacesWorkersWithoutAFailedRequest()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", ["--supervise", "--max-lifetime=1"]);
        await using var load = new SteadyLoad(server, clients: 4);
        await Deadline.Until(() => load.Answers.Count >= 4, "four workers have answered, one after the other");
        await load.EndWithoutFailureAsync();
        await server.Log.WaitForLog("max_lifetime");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Supervisor_ThatIsKilled_LeavesNoWorkerBehind()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", TwoProcesses);
        var workers = await WorkerProcesses.ServingAsync(server, 2);
        server.Process.Signal(PythonProcess.Sigkill);
        await Deadline.Until(() => !workers.Any(WorkerProcesses.Runs), "the workers stop by themselves");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
