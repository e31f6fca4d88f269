using System.Runtime.InteropServices;

namespace Waitress.Metrics;

/// <summary>The service as it is told of: its board, its versions, and how ready it is.</summary>
/// <param name="Board">Of the service.</param>
internal sealed record Service(MetricBoard Board)
{
    public static string Version { get; } = typeof(Service).Assembly.GetName().Version?.ToString(3) ?? "";

    /// <summary>The interpreter's.</summary>
    public string Python { get; init; } = "";

    /// <summary>The app by name, where the program was given one.</summary>
    public string? App { get; set; }

    /// <summary>Where the service listens.</summary>
    public IReadOnlyList<string> Listen { get; init; } = [];

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
