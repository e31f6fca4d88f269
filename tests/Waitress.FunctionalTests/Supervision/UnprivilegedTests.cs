using System.Diagnostics;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>The supervisor needs nothing of root: loss, reload, recycling and stop under load, as another user.</summary>
public sealed class UnprivilegedTests
{
    [Fact]
    public async Task KillReloadAndStop_UnderLoad_WorkForAnyUser()
    {
        using var folder = new TemporaryFolder();
        await using var server = await Unprivileged.StartAsync(folder, "--worker-class=process", "--workers=2");
        await WorkerProcesses.ServingAsync(server, 2);
        Assert.NotEqual("0", Uid(WorkerProcesses.Of(server)[0]));
        await using var load = new SteadyLoad(server);
        var kills = new List<(int Process, long Moment)>();
        for (var round = 0; round < 3; round++)
        {
            await load.MoreAsync();
            var victim = (await WorkerProcesses.ServingAsync(server, 2))[0]; // the workers before the reload have left
            kills.Add((victim, Stopwatch.GetTimestamp()));
            PythonProcess.Send(victim, PythonProcess.Sigkill);
            await Deadline.Until(() => WorkerProcesses.Of(server) is { Count: 2 } now && !now.Contains(victim), $"worker {victim} is replaced");
            await WorkerProcesses.ReloadAsync(server);
        }

        await load.MoreAsync();
        await load.EndAsync();
        Assert.All(load.Failures, failure => Assert.Contains(
            kills, kill => (failure.Process == Text(kill.Process) && failure.Ended >= kill.Moment) || (failure.Process.Length == 0 && failure.Covers(kill.Moment))));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Recycling_UnderLoad_WorksForAnyUser()
    {
        using var folder = new TemporaryFolder();
        await using var server = await Unprivileged.StartAsync(folder, "--worker-class=process", "--workers=2", "--max-requests=50");
        await using var load = new SteadyLoad(server);
        await Deadline.Until(() => load.Answers.Count >= 6, "six processes have answered");
        await load.EndWithoutFailureAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    private static string Uid(int process) =>
        File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1];

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
