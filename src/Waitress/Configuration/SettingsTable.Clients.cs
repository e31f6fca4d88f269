namespace Waitress.Configuration;

/// <summary>The rows that say who may connect, and how often.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] ClientRows =>
    [
    ];
}
