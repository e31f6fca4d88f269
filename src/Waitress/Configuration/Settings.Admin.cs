namespace Waitress.Configuration;

internal sealed partial record Settings
{
    // Metrics, health, the status page.
    /// <summary>The written form of an <see cref="AdminAddress"/>; null: nothing is served.</summary>
    public string? AdminListen { get; init; }
    /// <summary>The path of the metrics on the main port; null: they are not there.</summary>
    public string? MetricsPath { get; init; }
}
