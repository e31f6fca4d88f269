using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Waitress.Guards;

namespace Waitress.Telemetry;

/// <summary>
/// One row per entry that the engine writes to Python's logging: its number (never reused), logger, level (Python's: 10 debug,
/// 20 info, 30 warning, 40 error) and text. docs/logging.md is made from the table.
/// </summary>
internal sealed record LogEvent(int Id, string Logger, int Level, string Text)
{
    // C0, DEL and C1 (ISO 6429): what ends a line, or moves the cursor of whoever reads it.
    private static readonly SearchValues<char> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 0xA0).Where(code => code is < 0x20 or >= 0x7F).Select(code => (char)code)]);

    private const int Debug = 10, Info = 20, Warning = 30, Error = 40;

    public static readonly LogEvent QueueDepth = new(1, "waitress.queue", Warning, "Task queue depth is {0}");
    public static readonly LogEvent Refused = new(2, "waitress", Warning, "Refused a request from {0} with {1}: {2}");
    public static readonly LogEvent LimitReached = new(3, "waitress", Warning, "Connection limit reached: {0} connections are open, new ones wait in the backlog");
    public static readonly LogEvent LimitLeft = new(4, "waitress", Warning, "Connection limit left: new connections are accepted again");
    public static readonly LogEvent TooManyBytes = new(5, "waitress", Warning, "application-written content exceeded the number of bytes specified by Content-Length header ({0}) while serving {1} {2}");
    public static readonly LogEvent TooFewBytes = new(6, "waitress", Warning, "application returned too few bytes ({0}) for specified Content-Length ({1}) via app_iter while serving {2} {3}");
    public static readonly LogEvent BodyForbidden = new(7, "waitress", Warning, "application-written content was ignored due to HTTP response that may not contain a message-body: ({0}) while serving {1} {2}");
    public static readonly LogEvent Disconnected = new(8, "waitress", Info, "Client disconnected while serving {0} {1}");
    public static readonly LogEvent StorageFailed = new(9, "waitress", Error, "Could not store {0}: {1}");
    public static readonly LogEvent ProxyHeaders = new(10, "waitress", Warning, "{0}");
    public static readonly LogEvent StillRunning = new(11, "waitress", Warning, "{0} request(s) were still running after graceful_timeout ({1} s); their connections were closed");
    public static readonly LogEvent Lost = new(12, "waitress", Warning, "{0} log entries were lost: they came faster than logging could write them");
    public static readonly LogEvent AcceptFailed = new(13, "waitress", Warning, "{0}");
    public static readonly LogEvent EngineFault = new(14, "waitress", Error, "Fault in the server: {0}") { HasStack = true };

    public static readonly LogEvent QueueTimeout = new(15, "waitress.queue", Warning, "{0} request(s) waited for a thread for longer than queue_timeout ({1} s) and got 503");
    public static readonly LogEvent BacklogFull = new(16, "waitress.queue", Warning, "{0} request(s) got 503: as many as backlog_limit ({1}) were waiting for a thread");
    public static readonly LogEvent ThreadBack = new(17, "waitress", Warning, "{0}: its thread has ended, {1:0.0} s after request_timeout");
    public static readonly LogEvent ThreadsStuck = new(18, "waitress", Error, "{0} thread(s) over request_timeout are stuck, in C code that waits; {1} others serve in their place");
    public static readonly LogEvent TooManyStuck = new(19, "waitress", Error, "{0} threads are stuck: no more are started in their place");

    public static readonly LogEvent AccessLogFailed = new(101, "waitress", Error, "The access log {0} can't be written: {1}. Up to {2} bytes of lines are kept until it can, further ones are lost");
    public static readonly LogEvent AccessLogBack = new(102, "waitress", Warning, "The access log {0} is written again; {1} line(s) were lost");
    public static readonly LogEvent AccessLogLost = new(103, "waitress", Warning, "{0} line(s) for the access log have been lost so far: {1} does not take them");
    public static readonly LogEvent AccessLogReopened = new(104, "waitress", Debug, "The access log was opened anew: {0}");
    public static readonly LogEvent AccessLogNotReopened = new(105, "waitress", Error, "{0}; its lines go to the file that was moved until it can");
    public static readonly LogEvent AccessLogCopied = new(106, "waitress", Info, "The access log {0} was copied and truncated; {1} line(s) that the copy lacks were written again");
    public static readonly LogEvent AccessLogCut = new(107, "waitress", Warning, "The access log {0} was truncated, and {1}: lines that were written meanwhile may be missing");
    public static readonly LogEvent AccessLogLeft = new(108, "waitress", Warning, "{0} bytes of lines for the access log were not written: the stop does not wait longer for {1}");
    public static readonly LogEvent Certificate = new(141, "waitress", Info, "TLS certificate for {0} ({1}) is valid until {2}");
    public static readonly LogEvent CertificateEnds = new(142, "waitress", Warning, "TLS certificate for {0} ends in {1} day(s), on {2}");
    public static readonly LogEvent CertificateEnded = new(143, "waitress", Warning, "TLS certificate for {0} has expired on {1}; clients refuse it");
    public static readonly LogEvent CertificateBegins = new(144, "waitress", Warning, "TLS certificate for {0} is not valid before {1}; clients refuse it");
    public static readonly LogEvent CertificateRenewed = new(145, "waitress", Info, "TLS certificate for {0} was renewed ({1}), it is valid until {2}");
    public static readonly LogEvent CertificateKept = new(146, "waitress", Warning, "The files of the {0} have changed and can't be used, so what was read before stays in force: {1}");
    public static readonly LogEvent AuthoritiesRenewed = new(147, "waitress", Info, "The authorities of client certificates were read again: {0} certificate(s)");
    public static readonly LogEvent HandshakeFailed = new(148, "waitress", Info, "TLS handshake with {0} failed: {1}");
    public static readonly LogEvent PlainRequest = new(149, "waitress", Info, "{0} sent a plain HTTP request to a TLS port");
    public static readonly LogEvent Http2Failed = new(150, "waitress", Info, "HTTP/2 connection with {0} was ended: {1}");
    public static readonly LogEvent AdminServing = new(121, "waitress", Info, "Metrics, health and status on {0}");
    public static readonly LogEvent OtherLayout = new(122, "waitress", Warning, "The supervisor is of another version, so what this worker counts is not in the metrics; restart the service (SIGUSR2) to have it there");
    public static readonly LogEvent ConnectionsDenied = new(161, "waitress", Warning, "Closed {0} connection(s) at once: deny or allow keeps their addresses out; the last was from {1}");
    public static readonly LogEvent ConnectionsOverLimit = new(162, "waitress", Warning, "Closed {0} connection(s) at once: their addresses had as many open as limit_per_address allows; the last was from {1}");
    public static readonly LogEvent RequestsDenied = new(163, "waitress", Warning, "Refused {0} request(s) with 403: deny or allow keeps their clients out; the last was from {1}");
    public static readonly LogEvent RequestsOverRate = new(164, "waitress", Warning, "Refused {0} request(s) with 429: their clients sent more than rate_limit allows; the last was from {1}");
    public static readonly LogEvent ListRead = new(165, "waitress", Info, "Read the addresses of {0} again: {1} range(s) are in force");
    public static readonly LogEvent ListBroken = new(166, "waitress", Error, "{0}; the addresses that were read before stay in force");

    public static readonly LogEvent NoResponse = new(181, "waitress", Error, "The app has returned without a response to {0} {1}");
    public static readonly LogEvent ResponseUnfinished = new(182, "waitress", Error, "The app has returned before the end of its response to {0} {1}; the connection is closed");

    public static readonly LogEvent OtlpExports = new(201, "waitress", Info, "{0} are exported to {1}");
    public static readonly LogEvent OtlpFailed = new(202, "waitress", Warning, "{0} can't be exported to {1}: {2}");
    public static readonly LogEvent OtlpBack = new(203, "waitress", Warning, "{0} are exported to {1} again{2}");
    public static readonly LogEvent OtlpPartial = new(204, "waitress", Warning, "{0} does not take all {1}: {2}");
    public static readonly LogEvent SpansDropped = new(205, "waitress", Warning, "Spans are dropped: {0} takes them more slowly than requests come");
    public static readonly LogEvent TracesLimited = new(206, "waitress", Info, "More than {0} traces per second would begin here: the others are not recorded. OTEL_TRACES_SAMPLER, where it is set, decides instead");

    /// <summary>Every row, for the documentation and the tests.</summary>
    public static IReadOnlyList<LogEvent> All { get; } =
    [
        QueueDepth, Refused, LimitReached, LimitLeft, TooManyBytes, TooFewBytes, BodyForbidden, Disconnected, StorageFailed, ProxyHeaders,
        StillRunning, Lost, AcceptFailed, EngineFault, QueueTimeout, BacklogFull, ThreadBack, ThreadsStuck, TooManyStuck, AccessLogFailed,
        AccessLogBack, AccessLogLost, AccessLogReopened, AccessLogNotReopened, AccessLogCopied, AccessLogCut, AccessLogLeft, AdminServing,
        OtherLayout, Certificate, CertificateEnds, CertificateEnded, CertificateBegins, CertificateRenewed, CertificateKept, AuthoritiesRenewed,
        HandshakeFailed, PlainRequest, Http2Failed, ConnectionsDenied, ConnectionsOverLimit, RequestsDenied, RequestsOverRate, ListRead, ListBroken,
        NoResponse, ResponseUnfinished, OtlpExports, OtlpFailed, OtlpBack, OtlpPartial, SpansDropped, TracesLimited,
    ];

    /// <summary>Whether its text may have several lines.</summary>
    private bool HasStack { get; init; }

    private CompositeFormat Format { get; } = CompositeFormat.Parse(Text);

    /// <summary>The text of an entry. Whatever of a client's is in a value, it can neither begin a line nor send what a terminal obeys.</summary>
    public string Write(params ReadOnlySpan<object?> values)
    {
        object?[] shown = [.. values];
        for (var i = 0; i < shown.Length; i++)
            shown[i] = Shown(shown[i]);
        var text = string.Format(CultureInfo.InvariantCulture, Format, shown);
        return text.AsSpan().ContainsAny(Controls) ? WithoutControls(text) : text;
    }

    // Peers as access log and environ have them.
    private static object? Shown(object? value) => value switch
    {
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } peer => new IPEndPoint(ClientAddress.Plain(peer.Address), peer.Port),
        IPAddress address => ClientAddress.Plain(address),
        UnixDomainSocketEndPoint => "localhost",
        _ => value,
    };

    private string WithoutControls(string text)
    {
        var clean = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (Controls.Contains(c) && !(HasStack && (c is '\n' or '\r' or '\t')))
                clean.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:X2}");
            else
                clean.Append(c);
        }

        return clean.ToString();
    }
}
