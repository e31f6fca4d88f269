namespace Waitress.Configuration;

/// <summary>The rows of the access log and of the server's own log.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] LoggingRows =>
    [
    ];
}
