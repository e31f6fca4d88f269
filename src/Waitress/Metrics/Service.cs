using System.Runtime.InteropServices;

namespace Waitress.Metrics;

/// <summary>What does not change while a service runs, and how its figures are had.</summary>
/// <param name="Board">Of the service.</param>
/// <param name="Version">Of this server.</param>
/// <param name="Python">Of the interpreter.</param>
/// <param name="Supervisor">The supervisor's process; 0: there is none.</param>
internal sealed record Service(MetricBoard Board, string Version, string Python, int Supervisor)
{
    public static string Dotnet { get; } = RuntimeInformation.FrameworkDescription;

    /// <summary>Of a worker process or a server alone: brings its own figures up to date.</summary>
    public Action Refresh { get; init; } = () => { };

    /// <summary>All figures as they are now.</summary>
    public MetricSnapshot Read()
    {
        Refresh();
        return Board.Read();
    }

    /// <summary>Why the service is not ready, or null: from the board alone, so any process can tell, whatever its threads do.</summary>
    public static string? NotReady(MetricSnapshot now) => (ServiceState)now.Service(Fact.State) switch
    {
        ServiceState.Starting => "starting",
        ServiceState.Stopping => "stopping",
        _ => now.Taken.Any(slot => now.Worker(slot, Fact.State) == WorkerStates.Ready) ? null : "no worker is ready",
    };
}
