namespace Waitress.Configuration;

internal sealed partial record Settings
{
    // Metrics, health, the status page, the export to a collector.
    /// <summary>The written form of an <see cref="AdminAddress"/>; null: nothing is served.</summary>
    public string? AdminListen { get; init; }
    /// <summary>The path of the metrics on the main port; null: they are not there.</summary>
    public string? MetricsPath { get; init; }
    /// <summary>The base URL of an OTLP collector; null: nothing is exported.</summary>
    public string? OtlpEndpoint { get; init; }
    /// <summary>How it is exported.</summary>
    public OtelSettings Otel { get; init; } = new();
}
