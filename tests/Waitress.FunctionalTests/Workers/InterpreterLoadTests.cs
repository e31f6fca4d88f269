using System.Diagnostics;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Workers;

/// <summary>Class interpreter below a supervisor, under the steady load that the other classes get (WorkerLossTests, RollingReloadTests), on the first Python that has it.</summary>
public sealed class InterpreterLoadTests
{
    private static readonly string[] Alone = ["--worker-class=interpreter", "--workers=2", "--threads=2"];

    private static readonly string[] Supervised = [.. Alone, "--supervise"];

    [Fact]
    public async Task Reload_TwentyTimesUnderLoadThenStop_FailsNoRequest()
    {
        if (await InterpreterSupport.FirstAsync(Alone) is not { } python)
            return;
        await using var server = await PythonServer.StartAsync("supervised:app", Supervised, python);
        await using var load = new SteadyLoad(server);
        await load.MoreAsync();
        for (var round = 0; round < 20; round++)
        {
            await WorkerProcesses.ReloadAsync(server);
        }

        await load.MoreAsync();
        Assert.True(load.Failures.IsEmpty, string.Join('\n', load.Failures.Take(10)));
        Assert.True(load.Answers.Count >= 20, $"only {load.Answers.Count} processes have answered");

        // What was asked before the signal is answered; after it a new connection may be refused.
        var signalled = Stopwatch.GetTimestamp();
        Assert.Equal(0, await server.StopAsync());
        await load.EndAsync();
        Assert.DoesNotContain(load.Failures, failure => failure.Begun < signalled || failure.Wrong);
        Assert.DoesNotContain(server.Log.Lines, InterpreterSupport.IsFatal);
    }

    [Fact]
    public async Task Recycling_UnderLoad_LosesNoRequest()
    {
        if (await InterpreterSupport.FirstAsync(Alone) is not { } python)
            return;
        await using var server = await PythonServer.StartAsync("supervised:app", [.. Supervised, "--max-requests=50"], python);
        await using var load = new SteadyLoad(server);
        await Deadline.Until(() => load.Answers.Count >= 6, "six processes have answered");
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Kill9AndHang_UnderLoad_FailOnlyTheConnectionsOfTheDead()
    {
        if (await InterpreterSupport.FirstAsync(Alone) is not { } python)
            return;
        await using var server = await PythonServer.StartAsync("supervised:app", [.. Supervised, "--worker-timeout=3"], python);
        await using var load = new SteadyLoad(server);
        var windows = new List<(long Begun, long Ended, int Process)>();
        string[] ways = ["kill", "kill", "/hang", "kill"];
        foreach (var way in ways)
        {
            await load.MoreAsync();
            var victim = Assert.Single(WorkerProcesses.Of(server));
            var begun = Stopwatch.GetTimestamp();
            var clients = new List<RawClient>();
            if (way == "kill")
            {
                PythonProcess.Send(victim, PythonProcess.Sigkill);
            }
            else
            {
                for (var index = 0; index < 4; index++) // Two interpreters with two threads each.
                {
                    clients.Add(await server.ConnectAsync());
                    await clients[^1].SendAsync($"GET {way} HTTP/1.1\r\nHost: test\r\n\r\n");
                }

                await server.Log.WaitForLog($"(pid {victim}) has hung: every thread has been inside one request");
            }

            await Deadline.Until(() => WorkerProcesses.Of(server) is [var now] && now != victim, $"worker {victim} is replaced");
            windows.Add((begun, Stopwatch.GetTimestamp(), victim));
            clients.ForEach(client => client.Dispose());
        }

        await load.MoreAsync();
        await load.EndAsync();
        foreach (var failure in load.Failures)
        {
            Assert.True(
                !failure.Wrong && windows.Exists(window => failure.Process.Length == 0
                    ? failure.Begun <= window.Ended && window.Begun <= failure.Ended : failure.Process == $"{window.Process}"),
                $"{failure}\n{string.Join('\n', server.Log.Lines.TakeLast(40))}");
        }

        Assert.Equal(0, await server.StopAsync());
    }
}
