namespace Waitress.Guards;

/// <summary>Whose fault a refused or failed request is; decides the level of its log entry.</summary>
internal enum Fault
{
    /// <summary>The client sent what no server may accept, or too much of it.</summary>
    Client,

    /// <summary>The app raised, or broke PEP 3333.</summary>
    App,

    /// <summary>The machine or this server could not do its part (disk full, stopping).</summary>
    Server,

    /// <summary>Nobody's: who the client is, or how often it asks, has decided. Told in sums (<see cref="GuardCounts"/>).</summary>
    None,
}

/// <summary>
/// One row per reason for which a request gets an answer that the app did not make: status, text, whose fault it is.
/// The only place where such answers are worded; <see cref="Detail"/> is what the client reads below the reason phrase.
/// Statuses after RFC 9110 section 15 and RFC 6585; the reason phrases are Waitress's where it has the status.
/// </summary>
internal sealed record Refusal(int Status, string Reason, string Detail, Fault Fault)
{
    public static readonly Refusal BadRequest = Client("bad_request", 400, "Bad Request", "The request could not be understood");
    public static readonly Refusal Forbidden = new(403, "Forbidden", "This client may not use this server", Fault.None) { Label = "forbidden" };
    public static readonly Refusal ForbiddenClient = Forbidden with { Keeps = true };
    public static readonly Refusal RequestTimeout = Client("request_timeout", 408, "Request Timeout", "The request did not arrive in time");
    public static readonly Refusal BodyTooLarge = Client("body_too_large", 413, "Request Entity Too Large", "The request body is too large");
    public static readonly Refusal TargetTooLong = Client("target_too_long", 414, "URI Too Long", "The request target is too long");
    public static readonly Refusal TooManyRequests = new(429, "Too Many Requests", "This client sends too many requests", Fault.None) { RetryAfter = 1, Keeps = true, Label = "too_many_requests" };
    public static readonly Refusal HeadersTooLarge = Client("headers_too_large", 431, "Request Header Fields Too Large", "The request header is too large");
    public static readonly Refusal AppFailed = new(500, "Internal Server Error", "The server encountered an unexpected internal server error", Fault.App) { Label = "app_failed" };
    public static readonly Refusal StorageFailed = new(500, "Internal Server Error", "The server could not store the request", Fault.Server) { Label = "storage_failed" };
    public static readonly Refusal UnknownCoding = Client("unknown_coding", 501, "Not Implemented", "The transfer coding is not supported");
    public static readonly Refusal UnknownMethod = Client("unknown_method", 501, "Not Implemented", "The method is not supported");
    public static readonly Refusal Stopping = new(503, "Service Unavailable", "The server is stopping", Fault.Server) { Label = "stopping" };
    public static readonly Refusal QueueFull = new(503, "Service Unavailable", "Too many requests are waiting already", Fault.Server) { RetryAfter = 1, Label = "queue_full" };
    public static readonly Refusal TooManyAtOnce = new(503, "Service Unavailable", "Too many requests are served already", Fault.Server) { RetryAfter = 1, Label = "too_many_at_once" };
    public static readonly Refusal WaitedTooLong = new(503, "Service Unavailable", "The request waited too long for its turn", Fault.Server) { RetryAfter = 1, Label = "queue_timeout" };
    public static readonly Refusal TookTooLong = new(504, "Gateway Timeout", "The application took too long", Fault.App) { Label = "app_timeout" };
    public static readonly Refusal WebSocketDenied = new(403, "Forbidden", "The application has refused the WebSocket", Fault.App) { Label = "websocket_denied" };
    public static readonly Refusal WebSocketVersion = Client("websocket_version", 426, "Upgrade Required", "The version of the WebSocket protocol is not supported") with { Field = ("Sec-WebSocket-Version", "13") };
    public static readonly Refusal UnknownVersion = Client("unknown_version", 505, "HTTP Version Not Supported", "The HTTP version is not supported");

    /// <summary>Every row, for the metrics.</summary>
    public static IReadOnlyList<Refusal> All { get; } =
    [
        BadRequest, Forbidden, RequestTimeout, BodyTooLarge, TargetTooLong, TooManyRequests, HeadersTooLarge, AppFailed, StorageFailed,
        UnknownCoding, UnknownMethod, Stopping, QueueFull, WaitedTooLong, TookTooLong, UnknownVersion,
        TooManyAtOnce, WebSocketDenied, WebSocketVersion,
    ];

    /// <summary>Its name in the metrics; rows that differ in their detail alone share it.</summary>
    public string Label { get; init; } = "";

    /// <summary>Seconds after which the client may try again (Retry-After, RFC 9110 section 10.2.3); 0: nothing is said.</summary>
    public int RetryAfter { get; init; }

    /// <summary>A header field that tells the client what would be accepted.</summary>
    public (string Name, string Value)? Field { get; init; }

    /// <summary>Whether the connection may go on after a request without a body: nothing was wrong with what was sent.</summary>
    public bool Keeps { get; init; }

    /// <summary>The same refusal with a detail of its own; the detail goes to the client, so it never quotes input.</summary>
    public Refusal Because(string detail) => this with { Detail = detail };

    private static Refusal Client(string label, int status, string reason, string detail) => new(status, reason, detail, Fault.Client) { Label = label };
}
