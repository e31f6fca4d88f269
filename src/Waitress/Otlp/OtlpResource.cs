using System.Globalization;
using System.Text;
using Waitress.Configuration;
using Waitress.Metrics;

namespace Waitress.Otlp;

/// <summary>Who it is that exports: the attributes of the resource, and the scope, written once (OpenTelemetry's conventions for service, process, host, telemetry.sdk).</summary>
internal static class OtlpResource
{
    /// <summary>The name of the scope, which the meter has too.</summary>
    public const string Scope = Instruments.MeterName;

    private const string Unknown = "unknown_service:waitress";

    /// <summary>Adds the Resource as a field of a ResourceSpans or ResourceMetrics.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="settings">The server's.</param>
    /// <param name="instance">A name that no other process has.</param>
    /// <param name="worker">The worker's name; null without a supervisor, and for the service as a whole.</param>
    public static void Write(ProtoWriter to, OtelSettings settings, string instance, string? worker)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["service.name"] = Unknown,
            ["service.instance.id"] = instance,
            ["host.name"] = Environment.MachineName,
            ["process.pid"] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
            ["telemetry.sdk.name"] = "waitress",
            ["telemetry.sdk.language"] = "dotnet",
            ["telemetry.sdk.version"] = Service.Version,
        };
        if (worker is not null)
            attributes["waitress.worker"] = worker;
        foreach (var (key, value) in settings.Attributes)
            attributes[key] = value;
        if (settings.ServiceName is { } name)
            attributes["service.name"] = name;
        var resource = to.Begin(1);
        foreach (var (key, value) in attributes)
        {
            if (key == "process.pid" && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                to.Attribute(1, "process.pid"u8, pid);
            else
                to.Attribute(1, Encoding.UTF8.GetBytes(key), value);
        }

        to.End(resource);
    }

    /// <summary>Adds the InstrumentationScope as field 1 of a ScopeSpans or ScopeMetrics.</summary>
    public static void WriteScope(ProtoWriter to)
    {
        var scope = to.Begin(1);
        to.Text(1, Scope);
        to.Text(2, Service.Version);
        to.End(scope);
    }
}
