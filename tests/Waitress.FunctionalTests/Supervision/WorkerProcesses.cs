using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>The processes below a supervisor, as Linux tells them.</summary>
internal static class WorkerProcesses
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

    public static bool Runs(int process) => File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
}
