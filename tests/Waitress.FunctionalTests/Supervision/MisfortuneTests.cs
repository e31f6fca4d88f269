using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>
/// One service, of a user who is not root, that meets everything in a row while clients ask without a pause: workers that crash, hang and leak, broken code,
/// a reload, an upgrade and the way back. What fails is a connection of a worker that died, and nothing else; no answer is a wrong one.
/// </summary>
public sealed partial class MisfortuneTests
{
    private readonly List<(long Begun, long Ended)> _windows = [];

    [Fact]
    public async Task Misfortunes_UnderLoadOfAnyUser_FailOnlyTheConnectionsOfTheDead()
    {
        using var folder = new TemporaryFolder();
        await using var server = await Unprivileged.StartAsync(
            folder, "--worker-class=process", "--workers=2", "--threads=1", "--worker-timeout=3", "--max-memory=200M", "--graceful-timeout=10");
        await WorkerProcesses.ServingAsync(server, 2);
        var good = await File.ReadAllTextAsync(folder.File("supervised.py"));
        await using var load = new SteadyLoad(server);
        await load.MoreAsync();

        await DuringAsync(server, "/crash", "was killed by SIGSEGV");
        await DuringAsync(server, "/hang", "has hung: every thread has been inside one request");
        await DuringAsync(server, "/hold", "has hung: ");
        await load.MoreAsync();
        await LeakAsync(server);

        await TellAsync(server, () => folder.Write("supervised.py", "def app(:\n"), "Reload given up");
        await load.MoreAsync();
        await TellAsync(server, () => folder.Write("supervised.py", good), "Reload: every worker is new");

        PythonProcess.Send(await WorkerProcesses.UpgradeAsync(server), PythonProcess.Sigterm);
        await server.Log.WaitForLog("this one goes on");
        await load.MoreAsync();
        var successor = await WorkerProcesses.UpgradeAsync(server);
        try
        {
            server.Process.Signal(PythonProcess.Sigterm);
            await Deadline.Until(() => server.Process.HasExited, "the old supervisor ends");
            await load.MoreAsync();
            await load.EndAsync();
        }
        finally
        {
            PythonProcess.Send(successor, PythonProcess.Sigterm);
            await Deadline.Until(() => !WorkerProcesses.Runs(successor), "the successor ends");
        }

        var dead = server.Log.Lines.Select(line => Dead().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value).ToHashSet();
        Assert.InRange(dead.Count, 3, int.MaxValue);
        foreach (var failure in load.Failures)
        {
            var explained = failure.Process.Length > 0
                ? dead.Contains(failure.Process) : _windows.Exists(window => failure.Begun <= window.Ended && window.Begun <= failure.Ended);
            Assert.True(explained && !failure.Wrong, $"{failure}\n{string.Join('\n', server.Log.Lines.TakeLast(60))}");
        }
    }

    /// <summary>A request that ends or holds its worker; it is replaced, with the reason in the log.</summary>
    private async Task DuringAsync(PythonServer server, string target, string reason)
    {
        var (begun, from) = (Stopwatch.GetTimestamp(), server.Log.Lines.Count);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
        var line = await server.Log.WaitForLog(reason, from);
        await client.AssertClosedAsync();
        var victim = int.Parse(Pid().Match(line).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        await Deadline.Until(() => WorkerProcesses.Of(server) is { Count: 2 } now && !now.Contains(victim), $"worker {victim} is replaced");
        _windows.Add((begun, Stopwatch.GetTimestamp()));
    }

    private static async Task LeakAsync(PythonServer server)
    {
        using var client = await server.ConnectAsync();
        var answer = await client.GetAsync("/leak?mib=250");
        Assert.Equal(200, answer.Status);
        await server.Log.WaitForLog("max_memory is 200 MiB");
        var victim = int.Parse(answer.Text.Split(' ')[0], CultureInfo.InvariantCulture);
        await Deadline.Until(() => !WorkerProcesses.Runs(victim), "the leaking worker leaves");
        await WorkerProcesses.ServingAsync(server, 2);
    }

    private static async Task TellAsync(PythonServer server, Action change, string outcome)
    {
        change();
        var from = server.Log.Lines.Count;
        server.Process.Signal(PythonProcess.Sighup);
        await server.Log.WaitForLog(outcome, from);
    }

    [GeneratedRegex(@"\(pid (\d+)\)")]
    private static partial Regex Pid();

    [GeneratedRegex(@"\(pid (\d+)\) (?:has hung|was killed)")]
    private static partial Regex Dead();
}
