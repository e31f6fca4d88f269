using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>The rows of metrics, health, the status page and tracing.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] AdminRows =>
    [
        new("admin_listen", SettingGroup.Admin, AdminAddressOrNone, null)
        {
            Origin = "what tells of a service is not for everybody", Apply = (s, v) => s with { AdminListen = (string?)v }, DefaultText = "none",
            Help = "Where to serve /metrics, /healthz, /readyz and /status: HOST:PORT, or a port alone, which is then 127.0.0.1's, or unix:PATH, with --unix-socket-perms. Whoever reaches it may read all of it.",
            Difference = "New.",
        },
        new("metrics_path", SettingGroup.Admin, UrlPathOrNone, null)
        {
            Origin = "what tells of a service is not for everybody", Apply = (s, v) => s with { MetricsPath = (string?)v }, DefaultText = "none",
            Help = "Serve the metrics under this path of the main port too, such as /metrics; GET and HEAD of it do not reach the app. Every client may read them there.",
            Difference = "New.",
        },
        new("otlp_endpoint", SettingGroup.Admin, CollectorOrNone, null)
        {
            Origin = "whoever has a collector says where", Apply = (s, v) => s with { OtlpEndpoint = (string?)v }, DefaultText = "none",
            Help = "Base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as http://localhost:4318: a span per request is sent to /v1/traces below it, the metrics to /v1/metrics. OTEL_EXPORTER_OTLP_ENDPOINT counts where nothing else states it; the other OTEL_ variables say how.",
            Difference = "New.",
        },
    ];
}
