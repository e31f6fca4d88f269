using Waitress.AccessLogging;

namespace Waitress.Configuration;

/// <summary>The kinds that only the options of logs use.</summary>
internal sealed partial record SettingKind
{
    private const string Udp = "udp://";

    /// <summary>A format of the access log.</summary>
    public static readonly SettingKind LogFormat = new(
        "FORMAT",
        $"common, combined, json, or text with {string.Join(' ', AccessLogAtoms.Plain.Select(atom => $"%({atom.Name})s"))}, %({{header}}i)s, %({{header}}o)s and %({{variable}}e)s, whose variables are {string.Join(' ', AccessLogVariables.Known.Keys)} HTTP_*",
        (object? given, out object? value) =>
        {
            value = given as string;
            return value is string format ? AccessLogFormat.Refused(format) is { } refused ? RawValue.Quote(refused) : null : RawValue.Quote(given);
        });

    /// <summary>The path of a unix socket, or udp://HOST:PORT, whose port is 514 when it is not said; None and "" mean that there is none.</summary>
    public static readonly SettingKind SyslogOrNone = new("ADDRESS", "the path of a unix socket, or udp://HOST:PORT", (object? given, out object? value) =>
    {
        value = given is string { Length: > 0 } text ? text : null;
        var good = given is null or ""
            || (given is string path && path.StartsWith('/') && !path.Contains('\0'))
            || (given is string address && address.StartsWith(Udp, StringComparison.Ordinal) && ListenAddress.Parse(address[Udp.Length..]) is { Host: not "*" });
        return good ? null : RawValue.Quote(given);
    });

    /// <summary>One word out of a known set, in lower case; None and "" mean "not stated".</summary>
    public static SettingKind WordOrNone(params string[] known)
    {
        var word = Word(known);
        return word with
        {
            Convert = (object? given, out object? value) =>
            {
                value = null;
                return given is null or "" ? null : word.Convert(given, out value);
            },
        };
    }
}
