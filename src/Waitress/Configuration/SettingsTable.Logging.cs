using static Waitress.Configuration.SettingGroup;
using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>The rows of the access log and of the server's own log. The latter is Python's logging, so the Python package reads them.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] LoggingRows =>
    [
        new("access_logfile", AccessLog, PathOrNone, null)
        {
            Origin = AsGunicorn, Apply = (s, v) => s with { AccessLogFile = (string?)v }, DefaultText = "no access log",
            Help = "File for the access log, a line per request; - for standard output. Opened anew when it was moved, and on SIGUSR1.",
            Difference = "New.",
        },
        new("access_logformat", AccessLog, LogFormat, "combined")
        {
            Origin = AsGunicorn, Apply = (s, v) => s with { AccessLogFormat = (string)v! },
            Help = "What a line of the access log says: common, combined, json, or a text with Gunicorn's atoms, as '%(h)s \"%(r)s\" %(s)s %(D)s'.",
            Difference = "New.",
        },
        new("log_level", Logging, WordOrNone("debug", "info", "warning", "error", "critical"), null)
        {
            Origin = AsGunicorn, Apply = Elsewhere, DefaultText = "info, where the app has not given the logger waitress a level",
            Help = "The least level of the server's own entries that is logged.",
            Difference = "New.",
        },
        new("log_format", Logging, Word("text", "json"), "text")
        {
            Origin = "Python's logging", Apply = Elsewhere,
            Help = "How the server's own entries are written: as text, or as JSON, an object per line.",
            Difference = "New.",
        },
        new("log_file", Logging, PathOrNone, null)
        {
            Origin = AsGunicorn, Apply = Elsewhere, DefaultText = "standard error",
            Help = "File for the server's own entries; - for standard error. Opened anew when it was moved, and on SIGUSR1.",
            Difference = "New.",
        },
        new("log_syslog", Logging, SyslogOrNone, null)
        {
            Origin = AsGunicorn + "'s log_syslog_to", Apply = Elsewhere, DefaultText = "not sent",
            Help = "Send the server's own entries to the syslog at this address: the path of a unix socket, such as /dev/log, or udp://HOST:PORT.",
            Difference = "New.",
        },
        new("log_journal", Logging, Flag, false)
        {
            Origin = "systemd", Apply = Elsewhere,
            Help = "Send the server's own entries to systemd's journal by its own protocol: with their level, and tracebacks as one entry.",
            Difference = "New.",
        },
    ];
}
