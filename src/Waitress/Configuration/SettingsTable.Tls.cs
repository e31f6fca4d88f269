namespace Waitress.Configuration;

/// <summary>The rows of TLS and of the versions of HTTP.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] TlsRows =>
    [
    ];
}
