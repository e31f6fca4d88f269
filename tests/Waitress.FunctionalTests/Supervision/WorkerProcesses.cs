using System.Globalization;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>The processes below a supervisor, as Linux tells them.</summary>
internal static partial class WorkerProcesses
{
    public static IReadOnlyList<int> Of(int supervisor)
    {
        try
        {
            return [.. File.ReadAllText($"/proc/{supervisor}/task/{supervisor}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [];
        }
    }

    public static IReadOnlyList<int> Of(PythonServer server) => Of(server.Process.Id);

    /// <summary>Each of so many workers has answered: all of them serve.</summary>
    public static async Task<IReadOnlyList<int>> ServingAsync(PythonServer server, int count)
    {
        await Deadline.Until(() => Of(server).Count == count, $"{count} workers");
        return Of(server);
    }

    /// <summary>SIGHUP, and waits until every worker is new.</summary>
    public static async Task ReloadAsync(PythonServer server)
    {
        var from = server.Log.Lines.Count;
        server.Process.Signal(PythonProcess.Sighup);
        await server.Log.WaitForLog("Reload: every worker is new", from);
    }

    /// <summary>SIGUSR2: the new supervisor's process, once it serves.</summary>
    public static async Task<int> UpgradeAsync(PythonServer server)
    {
        var from = server.Log.Lines.Count;
        server.Process.Signal(PythonProcess.Sigusr2);
        var line = await server.Log.WaitForLog("the new supervisor is process", from);
        await server.Log.WaitForLog("Serving on", from);
        return int.Parse(Successor().Match(line).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
    }

    public static bool Runs(int process) => File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    [GeneratedRegex(@"is process (\d+)\.")]
    private static partial Regex Successor();
}
