namespace Waitress.Configuration;

/// <summary>The access log. The server's own log is the Python package's, which reads its settings out of the outcome's values.</summary>
internal sealed partial record Settings
{
    /// <summary>"-" for standard output; null: there is no access log.</summary>
    public string? AccessLogFile { get; init; }

    /// <summary>common, combined, json, or a text that <see cref="AccessLogging.AccessLogFormat"/> compiles.</summary>
    public string AccessLogFormat { get; init; } = "combined";
}
