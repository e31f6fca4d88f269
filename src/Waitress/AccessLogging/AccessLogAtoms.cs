using System.Text;
using Microsoft.Extensions.Primitives;
using Waitress.Guards;
using Waitress.Tracing;
using Waitress.Wsgi;

namespace Waitress.AccessLogging;

/// <summary>A text of the request; empty when there is none.</summary>
internal delegate ReadOnlySpan<char> TextOf(in AccessEntry entry);

/// <summary>A number of the request, or <see cref="AccessEntry.Unknown"/>.</summary>
internal delegate long NumberOf(in AccessEntry entry);

/// <summary>Writes bytes that no client chooses.</summary>
internal delegate void BytesOf(LineBuffer line, in AccessEntry entry);

/// <summary>One atom of formats: how its value is had, and what docs/access-log.md says of it. One of the three makes the value.</summary>
internal sealed record AccessLogAtom(string Name, string Help)
{
    public TextOf? Text { get; init; }

    public NumberOf? Number { get; init; }

    public BytesOf? Bytes { get; init; }

    /// <summary>Whether an empty text stays empty instead of a hyphen.</summary>
    public bool MayBeEmpty { get; init; }
}

/// <summary>The table of atoms: Gunicorn's, then our own, whose names are words and tell their unit.</summary>
internal static class AccessLogAtoms
{
    public static IReadOnlyList<AccessLogAtom> Plain { get; } =
    [
        new("h", "client's address; what a trusted proxy says counts") { Text = static (in entry) => entry.Remote },
        new("l", "always `-`") { Bytes = static (line, in _) => line.Add("-"u8) },
        new("u", "user name of Basic authentication") { Text = static (in entry) => User(entry) },
        new("t", "when the request ended: `[10/Oct/2000:13:55:36 -0700]`, local time") { Bytes = static (line, in entry) => line.Add(entry.Clock.Common(entry.Now)) },
        new("r", "request line: method, target and protocol") { Bytes = RequestLine },
        new("m", "method") { Text = static (in entry) => entry.Exchange?.Request.Method },
        new("U", "path, percent-decoded: `PATH_INFO`") { Text = static (in entry) => Target(entry).PathInfo },
        new("q", "query string without its question mark; may be empty") { Text = static (in entry) => Target(entry).QueryString, MayBeEmpty = true },
        new("H", "protocol, as `HTTP/1.1`") { Text = static (in entry) => entry.Exchange?.Request.Protocol },
        new("s", "status; 499 when the client left before there was an answer") { Number = static (in entry) => entry.Status },
        new("B", "bytes of the response's body, without the framing") { Number = static (in entry) => entry.Exchange?.Response.BodyLength ?? AccessEntry.Unknown },
        new("b", "the same; a hyphen for none") { Number = static (in entry) => entry.Exchange?.Response.BodyLength is > 0 and var length ? length : AccessEntry.Unknown },
        new("f", "`Referer` header") { Text = static (in entry) => entry.Exchange is { } exchange ? Field(exchange.Request.Headers.Referer) : null },
        new("a", "`User-Agent` header") { Text = static (in entry) => entry.Exchange is { } exchange ? Field(exchange.Request.Headers.UserAgent) : null },
        new("T", "time of the request in whole seconds, from its parsed head to the end of its response") { Number = static (in entry) => Duration(entry, 1_000_000) },
        new("M", "the same in milliseconds") { Number = static (in entry) => Duration(entry, 1_000) },
        new("D", "the same in microseconds") { Number = static (in entry) => Duration(entry, 1) },
        new("L", "the same in seconds with six decimals") { Bytes = Seconds },
        new("p", "process id between angle brackets, as Gunicorn has it") { Bytes = Pid },

        new("time", "when the request ended, universal time: `2000-10-10T20:55:36.123Z`") { Bytes = static (line, in entry) => entry.Clock.WriteIso(line, entry.Now) },
        new("queue_us", "microseconds that it waited for a thread") { Number = static (in entry) => entry.Exchange is { Times: var times } ? AccessEntry.Between(times.Queued, times.Taken) : AccessEntry.Unknown },
        new("gil_us", "microseconds that its thread then waited for the GIL; 0 when the thread had it already") { Number = static (in entry) => entry.Exchange is { Times: { Taken: > 0 } times } ? AccessEntry.ToMicroseconds(times.GilWait) : AccessEntry.Unknown },
        new("app_us", "microseconds inside the app and its iterable") { Number = static (in entry) => entry.Exchange is { Times: var times } ? AccessEntry.Between(times.Taken, times.Answered) : AccessEntry.Unknown },
        new("request_bytes", "bytes of the request's body, decoded; 0 with `asynchronous=false`, where the app reads it; of an ASGI app what it has read") { Number = static (in entry) => entry.Exchange?.Body.Length ?? AccessEntry.Unknown },
        new("host", "`Host` header") { Text = static (in entry) => entry.Exchange is { } exchange ? Field(exchange.Request.Headers.Host) : null },
        new("scheme", "`http` or `https`; what a trusted proxy says counts") { Text = static (in entry) => entry.Exchange is null ? null : entry.Exchange.Client.Scheme ?? entry.Place.Settings.UrlScheme },
        new("worker", "name of the worker process, as in the supervisor's log") { Text = static (in entry) => entry.Place.Worker },
        new("trace", "trace id of the request's `traceparent` header (W3C Trace Context); with `otlp_endpoint` that of a trace which begins here, too") { Text = static (in entry) => Trace(entry) },
        new("refused", "why the server answered instead of the app") { Text = static (in entry) => Refused(entry) },
    ];

    private static readonly Dictionary<string, AccessLogAtom> ByName = Plain.ToDictionary(atom => atom.Name, StringComparer.Ordinal);

    /// <summary>The atom of a name as it stands between the parentheses, or null.</summary>
    public static AccessLogAtom? Find(string name)
    {
        if (ByName.GetValueOrDefault(name) is { } plain)
            return plain;
        if (name.Length < 4 || name[0] != '{' || name[^2] != '}')
            return null;
        var inner = name[1..^2];
        return name[^1] switch
        {
            'i' when IsToken(inner) => new(name, "") { Text = (in entry) => entry.Exchange is { } exchange ? Field(exchange.Request.Headers[inner]) : null },
            'o' when IsToken(inner) => new(name, "") { Text = (in entry) => entry.Exchange is { } exchange ? Field(exchange.Response.Headers[inner]) : null },
            'e' when AccessLogVariables.Find(inner) is { } variable => new(name, "") { Text = variable },
            _ => null,
        };
    }

    public static RequestTarget Target(in AccessEntry entry) =>
        entry.Exchange is { } exchange ? RequestTarget.Parse(exchange.Request.RawTarget, entry.Place.Settings.UrlPrefix) : default;

    public static ReadOnlySpan<char> User(in AccessEntry entry)
    {
        const string Basic = "Basic ";
        if (entry.Exchange is null || Field(entry.Exchange.Request.Headers.Authorization) is not { Length: > 0 } value
            || !value.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
            return default;
        var encoded = value.AsSpan(Basic.Length).Trim(' ');
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var length))
            return default;
        var pair = bytes.AsSpan(0, length);
        var colon = pair.IndexOf((byte)':');
        return colon < 0 ? default : Encoding.Latin1.GetString(pair[..colon]);
    }

    public static ReadOnlySpan<char> Trace(in AccessEntry entry)
    {
        if (entry.Exchange is null)
            return default;
        if (entry.Exchange.Trace.Field is { } ours)
            return TraceParent.TraceOf(ours);
        var lines = entry.Exchange.Request.Headers.TraceParent;
        return TraceParent.TryParse(lines, out _) ? TraceParent.TraceOf(lines[0]) : default;
    }

    public static long Duration(in AccessEntry entry, long unit) =>
        entry.Exchange is null ? AccessEntry.Unknown : AccessEntry.Between(entry.Exchange.Times.Began, entry.Ended) / unit;

    public static void Pid(LineBuffer line, in AccessEntry entry)
    {
        line.Add("<"u8);
        line.Add(entry.Place.Pid);
        line.Add(">"u8);
    }

    // Join allocates for no lines at all.
    private static string? Field(in StringValues lines) => lines.Count == 0 ? null : HeaderList.Join(lines);

    private static bool IsToken(string name) => name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    // A traceback that expose_tracebacks shows to the client is in the server's log already.
    private static ReadOnlySpan<char> Refused(in AccessEntry entry) => entry.Exchange is null ? entry.Refused!.Reason
        : entry.Exchange.Response.Refused is not { } refusal ? null
        : refusal.Fault == Fault.App ? refusal.Reason : refusal.Detail;

    private static void RequestLine(LineBuffer line, in AccessEntry entry)
    {
        if (entry.Exchange is not { Request: var request })
        {
            line.Add("-"u8);
            return;
        }

        line.AddText(request.Method, quoted: false);
        line.Add(" "u8);
        line.AddText(request.RawTarget, quoted: false);
        line.Add(" "u8);
        line.AddText(request.Protocol, quoted: false);
    }

    private static void Seconds(LineBuffer line, in AccessEntry entry)
    {
        if (Duration(entry, 1) is var duration and not AccessEntry.Unknown)
            line.AddSeconds(duration);
        else
            line.Add("-"u8);
    }
}
