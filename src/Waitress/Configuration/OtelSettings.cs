using System.Globalization;
using System.Text;
using Waitress.Tracing;

namespace Waitress.Configuration;

/// <summary>
/// What OpenTelemetry's own environment variables say of the export; they are used where <c>otlp_endpoint</c> is set, and for that too. A value that can't be
/// used is a warning, not an error, as OpenTelemetry has it: the variables may be meant for others.
/// </summary>
internal sealed record OtelSettings
{
    private const string EndpointName = "OTEL_EXPORTER_OTLP_ENDPOINT", ProtocolName = "OTEL_EXPORTER_OTLP_PROTOCOL";

    // OTLP's port for gRPC, which is not spoken here.
    private const int GrpcPort = 4317;

    /// <summary>OTEL_EXPORTER_OTLP_HEADERS, sent with each message.</summary>
    public ValueList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>OTEL_SERVICE_NAME; null: not stated.</summary>
    public string? ServiceName { get; init; }

    /// <summary>OTEL_RESOURCE_ATTRIBUTES.</summary>
    public ValueList<KeyValuePair<string, string>> Attributes { get; init; } = [];

    /// <summary>
    /// Traces that may begin in this process per second; null where OTEL_TRACES_SAMPLER says which do. A thousand are enough to look at, and what they cost shows in no
    /// measurement; each of 80,000 requests per second would cost a tenth of them, and more than a collector takes.
    /// </summary>
    public int? MostTraces { get; init; } = 1000;

    /// <summary>OTEL_TRACES_SAMPLER and its _ARG.</summary>
    public Sampler Sampler { get; init; } = Sampler.Default;

    /// <summary>OTEL_METRIC_EXPORT_INTERVAL.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>OTEL_BSP_SCHEDULE_DELAY: how long spans are gathered.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>OTEL_EXPORTER_OTLP_TIMEOUT, of an attempt.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>OTEL_EXPORTER_OTLP_COMPRESSION is gzip.</summary>
    public bool Gzip { get; init; }

    /// <summary>Whether spans are exported: OTEL_TRACES_EXPORTER is not none.</summary>
    public bool Traces { get; init; } = true;

    /// <summary>Whether metrics are: OTEL_METRICS_EXPORTER is not none.</summary>
    public bool Metrics { get; init; } = true;

    /// <summary>States <c>otlp_endpoint</c> by OpenTelemetry's variable, weaker than any other source, where it is one that can be used here.</summary>
    public static void State(SettingsDraft draft, IReadOnlyDictionary<string, string> environment)
    {
        var row = SettingsTable.Find("otlp_endpoint")!;
        if (draft.Stated.ContainsKey(row.Name) || Value(environment, EndpointName) is not { } endpoint || IsTrue(Value(environment, "OTEL_SDK_DISABLED")))
            return;

        // Meant for a library of the app's that speaks gRPC, as Python's does unless told otherwise.
        var protocol = Value(environment, ProtocolName);
        if (protocol == "grpc" || (protocol is null && Uri.TryCreate(endpoint, UriKind.Absolute, out var url) && url.Port == GrpcPort))
            return;
        if (row.Kind.Convert(endpoint, out _) is { } refused)
            draft.Warnings.Add($"{EndpointName} in the environment: {refused} is not used; allowed is {row.Kind.Allowed}");
        else
            draft.State(row, endpoint, SettingOrigin.OpenTelemetry(EndpointName));
    }

    /// <summary>All but the endpoint.</summary>
    public static OtelSettings Read(IReadOnlyDictionary<string, string> environment, List<string> warnings)
    {
        var settings = new OtelSettings
        {
            Headers = Pairs("OTEL_EXPORTER_OTLP_HEADERS", isSecret: true),
            ServiceName = Value(environment, "OTEL_SERVICE_NAME"),
            Attributes = Pairs("OTEL_RESOURCE_ATTRIBUTES", isSecret: false),
            Traces = !IsNone("OTEL_TRACES_EXPORTER"),
            Metrics = !IsNone("OTEL_METRICS_EXPORTER"),
        };
        var sampler = ReadSampler();
        return settings with
        {
            Sampler = sampler ?? settings.Sampler,
            MostTraces = sampler is null ? settings.MostTraces : null,
            Gzip = ReadCompression(),
            Interval = Milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 1) ?? settings.Interval,
            Delay = Milliseconds("OTEL_BSP_SCHEDULE_DELAY", 0) ?? settings.Delay,
            Timeout = Milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", 1) ?? settings.Timeout,
        };

        bool IsNone(string name) => Value(environment, name)?.Equals("none", StringComparison.OrdinalIgnoreCase) ?? false;

        TimeSpan? Milliseconds(string name, int least)
        {
            if (Value(environment, name) is not { } text)
                return null;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least)
                return TimeSpan.FromMilliseconds(number);
            warnings.Add($"{name} in the environment: {RawValue.Quote(text)} is not used; allowed is a whole number of milliseconds, at least {least}");
            return null;
        }

        Sampler? ReadSampler()
        {
            if (Value(environment, "OTEL_TRACES_SAMPLER") is not { } name)
                return null;
            var argument = Value(environment, "OTEL_TRACES_SAMPLER_ARG");
            double? ratio = double.TryParse(argument, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;
            var stated = argument is not null && ratio is null && name.EndsWith("ratio", StringComparison.Ordinal) ? null : Sampler.Parse(name, ratio);
            if (stated is null)
                warnings.Add($"OTEL_TRACES_SAMPLER in the environment: {RawValue.Quote(name)} with the argument {RawValue.Quote(argument ?? "")} is not used; allowed are always_on, always_off and traceidratio, also after parentbased_, the last with a ratio from 0 to 1");
            return stated;
        }

        bool ReadCompression()
        {
            var name = Value(environment, "OTEL_EXPORTER_OTLP_COMPRESSION");
            if (name is not (null or "none" or "gzip"))
                warnings.Add($"OTEL_EXPORTER_OTLP_COMPRESSION in the environment: {RawValue.Quote(name)} is not used; allowed are gzip and none");
            return name == "gzip";
        }

        // As W3C Baggage writes them: key=value with commas between, percent-encoded.
        ValueList<KeyValuePair<string, string>> Pairs(string name, bool isSecret)
        {
            var pairs = new List<KeyValuePair<string, string>>();
            foreach (var part in (Value(environment, name) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = part.IndexOf('=', StringComparison.Ordinal);
                var (key, value) = equals > 0 ? (Decoded(part[..equals]), Decoded(part[(equals + 1)..])) : ("", "");
                if (key.Length == 0 || (isSecret && (key.AsSpan().ContainsAnyExcept(Guards.HttpText.Token) || !Ascii.IsValid(value) || value.AsSpan().ContainsAny(Guards.HttpText.Control))))
                    warnings.Add($"{name} in the environment: {(isSecret ? "a part of it" : RawValue.Quote(part))} is not used; allowed is key=value, with commas between several");
                else
                    pairs.Add(new(key, value));
            }

            return [.. pairs];
        }
    }

    private static string Decoded(string text) => Uri.UnescapeDataString(text.Trim());

    private static bool IsTrue(string? text) => text?.Equals("true", StringComparison.OrdinalIgnoreCase) ?? false;

    // An empty one is as none (OpenTelemetry's specification of them).
    private static string? Value(IReadOnlyDictionary<string, string> environment, string name) =>
        environment.TryGetValue(name, out var value) && value.Trim() is { Length: > 0 } text ? text : null;
}
