using System.Buffers.Binary;
using System.Globalization;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Otlp;

namespace Waitress.Tracing;

/// <summary>
/// One request as a span of OTLP, with the attributes of OpenTelemetry's conventions for HTTP servers (stable since semantic conventions 1.23). The query of the
/// URL is left out: it is where secrets are.
/// </summary>
internal static class SpanMessage
{
    /// <summary>What a span is in the message around it: ScopeSpans.spans.</summary>
    public const int Field = 2;

    // Whatever a client sends, a span stays small: the queue holds thousands.
    private const int LongestText = 1024;

    // A Host header that connections keep between requests; names have 253 characters at most (RFC 1035 section 2.3.4).
    private const int LongestKept = 260;

    private const int AttributeField = 9, KindServer = 2, StatusError = 2;

    // The flags of a span: those of the traceparent, then whether it is known that the parent is another process's.
    private const uint FlagSampled = 0x01, FlagRemoteKnown = 0x100, FlagRemote = 0x200;

    // An answer that nobody waited for; as the access log's 499 has no name of OpenTelemetry's.
    private const string ClientGone = "client_disconnected";

    /// <summary>Writes the span with its field's tag, so that spans in a row are the rest of a ScopeSpans.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="exchange">The ended request.</param>
    /// <param name="settings">The server's.</param>
    /// <param name="start">When its head was parsed, nanoseconds since 1970.</param>
    /// <param name="end">When it ended.</param>
    public static void Write(ProtoWriter to, Exchange exchange, Settings settings, ulong start, ulong end)
    {
        var trace = exchange.Trace;
        var request = exchange.Request;
        var method = Known(request.Method);
        var span = to.Begin(Field);
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(id, trace.Own.High);
        BinaryPrimitives.WriteUInt64BigEndian(id[8..], trace.Own.Low);
        to.Block(1, id);
        BinaryPrimitives.WriteUInt64BigEndian(id, trace.Own.Span);
        to.Block(2, id[..8]);
        if (trace.State is { Length: <= LongestText } state)
            to.Text(3, state);
        if (trace.Parent != 0)
        {
            BinaryPrimitives.WriteUInt64BigEndian(id, trace.Parent);
            to.Block(4, id[..8]);
        }

        to.Text(5, method ?? "HTTP");
        to.Number(6, KindServer);
        to.Fixed64(7, start);
        to.Fixed64(8, end);
        Text(to, "http.request.method"u8, method ?? "_OTHER");
        if (method is null)
            Text(to, "http.request.method_original"u8, request.Method);
        var target = request.RawTarget.AsSpan();
        Text(to, "url.path"u8, target[..(target.IndexOf('?') is var query and >= 0 ? query : target.Length)]);
        Ends(to, exchange, settings);
        Outcome(to, exchange);
        to.Fixed32(16, FlagSampled | (trace.Parent == 0 ? 0 : FlagRemoteKnown | FlagRemote));
        to.End(span);
    }

    // Both ends of the connection. Its requests mostly have the same, so they are written once and copied: five of a span's eight attributes.
    private static void Ends(ProtoWriter to, Exchange exchange, Settings settings)
    {
        var client = exchange.Client;
        var host = exchange.Request.Headers.Host;
        var mayKeep = client.Scheme is null && client.ServerName is null && client.RemoteAddr is null && host.Count <= 1 && host.ToString().Length <= LongestKept;
        if (mayKeep && exchange.Ends is { } known && known.Host == host.ToString() && known.Protocol == exchange.Request.Protocol)
        {
            to.Append(known.Bytes);
            return;
        }

        var begun = to.Written.Length;
        var scheme = client.Scheme ?? settings.UrlScheme;
        Text(to, "url.scheme"u8, scheme);
        Server(to, exchange, scheme);
        if (client.RemoteAddr is { } remote)
            Text(to, "client.address"u8, remote);
        else if (exchange.Peer.Address is not null)
            Text(to, "client.address"u8, exchange.Peer.Host);
        Text(to, "network.protocol.version"u8, Version(exchange.Request.Protocol));
        if (mayKeep)
            exchange.Ends = new SpanEnds(host.ToString(), exchange.Request.Protocol, to.Written[begun..].ToArray());
    }

    // As the client has named it.
    private static void Server(ProtoWriter to, Exchange exchange, string scheme)
    {
        var port = -1;
        ReadOnlySpan<char> host = default;
        if (exchange.Client.ServerName is { } named)
        {
            host = named;
            port = int.TryParse(exchange.Client.ServerPort, NumberStyles.None, CultureInfo.InvariantCulture, out var stated) ? stated : -1;
        }
        else if (exchange.Request.Headers.Host is { Count: 1 } field && HostText.TryParse(field[0], out var name, out port))
            host = name;
        if (host.IsEmpty)
            return;
        Text(to, "server.address"u8, host.Trim("[]"));
        to.Attribute(AttributeField, "server.port"u8, port >= 0 ? port : scheme == "https" ? 443 : 80);
    }

    // The convention: an error of the server is one, an error of the client is none of ours, and the type of an error has few values.
    private static void Outcome(ProtoWriter to, Exchange exchange)
    {
        var refused = exchange.Response.Refused;
        var status = exchange.Response.Status;
        var gone = status == 499 && refused is null && !exchange.Response.Committed;
        if (!gone)
            to.Attribute(AttributeField, "http.response.status_code"u8, status);
        if (!gone && status < 500)
            return;
        Text(to, "error.type"u8, gone ? ClientGone : refused?.Label ?? status.ToString(CultureInfo.InvariantCulture));
        var error = to.Begin(15);
        to.Number(3, StatusError);
        to.End(error);
    }

    private static void Text(ProtoWriter to, ReadOnlySpan<byte> key, ReadOnlySpan<char> value) =>
        to.Attribute(AttributeField, key, value[..Math.Min(value.Length, LongestText)]);

    // The methods of the convention; null for others, which clients can invent.
    private static string? Known(string method) => method switch
    {
        "GET" or "HEAD" or "POST" or "PUT" or "DELETE" or "CONNECT" or "OPTIONS" or "TRACE" or "PATCH" or "QUERY" => method,
        _ => null,
    };

    private static string Version(string protocol) => protocol switch
    {
        "HTTP/1.1" => "1.1",
        "HTTP/2" => "2",
        _ => protocol.Replace("HTTP/", "", StringComparison.Ordinal),
    };
}
