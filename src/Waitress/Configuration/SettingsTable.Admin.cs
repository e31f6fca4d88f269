namespace Waitress.Configuration;

/// <summary>The rows of metrics, health, the status page and tracing.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] AdminRows =>
    [
    ];
}
