// Guards: between Kestrel and the queue. Receives what Kestrel let through, on the connection's I/O thread, before the body is
// read; promises that what goes on is a request that Waitress and RFC 9112 would accept, or a Refusal, and that nothing here
// blocks, throws on input, or takes more than linear time. Order: RequestGuard (syntax, framing, size), then ProxyHeaders (who
// the client is). The first refusal wins; the connection is to be closed after it, since where the next request begins may be what
// was in doubt.
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Waitress.Configuration;

namespace Waitress.Guards;

/// <summary>
/// Closes the places where Kestrel alone is laxer than Waitress; several were CVEs there (request smuggling above all). What
/// Kestrel refuses by itself (repeated Content-Length, no Host on HTTP/1.1) is checked again where the check is cheap.
/// </summary>
internal sealed class RequestGuard(Settings settings)
{
    private static readonly Refusal MalformedMethod = Refusal.BadRequest.Because("Malformed HTTP method");
    private static readonly Refusal MalformedTarget = Refusal.BadRequest.Because("Malformed request target");
    private static readonly Refusal MalformedName = Refusal.BadRequest.Because("Malformed header name");
    private static readonly Refusal MalformedValue = Refusal.BadRequest.Because("Malformed header value");
    private static readonly Refusal Repeated = Refusal.BadRequest.Because("A header occurs twice that may occur only once");
    private static readonly Refusal EmptyCoding = Refusal.BadRequest.Because("The Transfer-Encoding header is empty");
    private static readonly Refusal CodingOnOldVersion = Refusal.BadRequest.Because("Transfer-Encoding is not part of HTTP/1.0");
    private static readonly Refusal TwoLengths = Refusal.BadRequest.Because("Transfer-Encoding and Content-Length exclude each other");
    private static readonly Refusal MissingHost = Refusal.BadRequest.Because("The Host header is missing");
    private static readonly Refusal MalformedHost = Refusal.BadRequest.Because("Malformed Host header");

    private static readonly Refusal ConnectionField = Refusal.BadRequest.Because("A header field of HTTP/1 connections is not part of HTTP/2");

    private static readonly Refusal ConnectWithLength = Refusal.BadRequest.Because("CONNECT has no content, and so no Content-Length"); // RFC 9110 section 9.3.6

    // The version as Kestrel names it.
    private const string Http2 = "HTTP/2";

    /// <summary>
    /// Checks the request line and the header fields, and puts the fields into <paramref name="received"/> on the way. Allocates
    /// nothing but Kestrel's enumerator.
    /// </summary>
    /// <param name="method">As sent.</param>
    /// <param name="target">The request target as sent (Kestrel's RawTarget).</param>
    /// <param name="protocol">`HTTP/1.0`, `HTTP/1.1` or `HTTP/2`; Kestrel answers any other with 505.</param>
    /// <param name="headers">Kestrel's, values read as Latin-1.</param>
    /// <param name="received">Cleared and filled; complete only when nothing is refused.</param>
    /// <param name="connectProtocol">What an extended CONNECT may ask for here (RFC 8441), and does; null: any CONNECT is refused.</param>
    /// <returns>Why the request can't be served, or null.</returns>
    public Refusal? Check(string method, string target, string protocol, IHeaderDictionary headers, HeaderList received, string? connectProtocol = null)
    {
        received.Clear();
        return CheckLine(method, target, connectProtocol)
            ?? CheckFields(headers, received, settings.MaxRequestHeaderSize - LineSize(method, target))
            ?? CheckHost(protocol, headers)
            ?? (protocol == Http2 ? CheckConnectionFields(headers) : null)
            ?? CheckFraming(protocol, headers)
            ?? (connectProtocol is not null && headers.ContentLength is not null ? ConnectWithLength : null);
    }

    private static Refusal? CheckLine(string method, string target, string? connectProtocol)
    {
        if (method.Length == 0 || method.AsSpan().ContainsAnyExcept(HttpText.UpperToken)) return MalformedMethod;
        // A tunnel can't be had through WSGI. 501, not 405: no resource of this server knows the method (RFC 9110 section 15.6.2).
        // A WebSocket over HTTP/2 is none: its target is a path, and it ends here.
        if (method == "CONNECT" && connectProtocol is null) return Refusal.UnknownMethod;
        if (target.Length == 0 || target.AsSpan().ContainsAnyExceptInRange('!', '~')) return MalformedTarget;
        return null;
    }

    // "METHOD TARGET HTTP/1.1", its CRLF, and the empty line that ends the head.
    private static int LineSize(string method, string target) => method.Length + target.Length + 14;

    // Kestrel limits line and fields apart and lets a head through that is too large as a whole. The size is that of the fields
    // as they are usually written, with one blank behind the colon.
    private static Refusal? CheckFields(IHeaderDictionary headers, HeaderList received, long room)
    {
        foreach (var (name, lines) in headers)
        {
            if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(HttpText.Token)) return MalformedName;
            for (var i = 0; i < lines.Count; i++)
            {
                if (lines[i].AsSpan().ContainsAny(HttpText.Control)) return MalformedValue;
                // ": " and CRLF. `>=`, as in Waitress: the limit is the first size that is too large.
                if ((room -= name.Length + (lines[i]?.Length ?? 0) + 4) <= 0) return Refusal.HeadersTooLarge;
            }
            if (lines.Count > 1 && IsSingle(name)) return Repeated;
            received.Add(name, lines);
        }
        return null;
    }

    private static bool IsSingle(string name) =>
        name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Host", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase);

    private static Refusal? CheckHost(string protocol, IHeaderDictionary headers)
    {
        var host = headers.Host;
        if (host.Count == 0) return protocol == "HTTP/1.0" ? null : MissingHost;
        return HostText.TryParse(host[0], out _, out _) ? null : MalformedHost;
    }

    // RFC 9113 section 8.2.2: a request with one of these is malformed. Kestrel refuses Connection and TE alone.
    private static Refusal? CheckConnectionFields(IHeaderDictionary headers) =>
        headers.TransferEncoding.Count > 0 || headers.Upgrade.Count > 0 || headers.KeepAlive.Count > 0 || headers.ContainsKey("Proxy-Connection")
            ? ConnectionField
            : null;

    private Refusal? CheckFraming(string protocol, IHeaderDictionary headers)
    {
        var coding = headers.TransferEncoding;
        var length = headers.ContentLength;
        if (coding.Count > 0)
        {
            // Kestrel decodes chunks on 1.0 as well; the proxy in front may not, and would see another request in the body.
            if (protocol == "HTTP/1.0") return CodingOnOldVersion;
            // When both are sent, Kestrel moves Content-Length to this name before we are called.
            if (length is not null || headers.ContainsKey("X-Content-Length")) return TwoLengths;
            if (StringValues.IsNullOrEmpty(coding)) return EmptyCoding;
            if (coding.Count > 1 || !"chunked".Equals(coding[0], StringComparison.OrdinalIgnoreCase)) return Refusal.UnknownCoding;
        }
        // `>=`, as in Waitress: the limit is the first size that is too large.
        return length >= settings.MaxRequestBodySize ? Refusal.BodyTooLarge : null;
    }
}
