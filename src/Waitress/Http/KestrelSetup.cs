using System.Net;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Waitress.Configuration;
using Waitress.Listening;
using Waitress.Tls;

namespace Waitress.Http;

/// <summary>Kestrel's options from ours: strict, with Waitress's limits.</summary>
internal static class KestrelSetup
{
    // The shortest request line, "A / HTTP/1.1" and CRLF: what a head has besides its header fields.
    private const int ShortestLine = 14;

    // Many more than any client sends; each costs an entry in a table, and the total size is limited besides.
    private const int MostHeaders = 10_000;

    /// <summary>Options that serve <paramref name="sockets"/> through a <see cref="ListenerFactory"/>.</summary>
    /// <remarks>
    /// <c>max_request_body_size</c> is not set here: the application enforces it, as only it knows Waitress's "&gt;=" and when a body
    /// may be larger.
    /// </remarks>
    public static KestrelServerOptions Options(
        Settings settings, IReadOnlyList<ListenSocket> sockets, WireOptions wire, TlsOptions? tls = null, Action<EndPoint?, string>? http2Failed = null)
    {
        // Read when the options are made; a bare LF would otherwise end a line (CVE-2019-16785).
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);

        var options = new KestrelServerOptions
        {
            AddServerHeader = false,
            // The target's authority wins over the Host header (RFC 9112 section 3.2.2).
            AllowHostHeaderOverride = true,
            // Bytes become characters one to one, which is what a native string of PEP 3333 is; and no byte is refused for being
            // above 0x7F. The length is the one value whose meaning is at stake.
            RequestHeaderEncodingSelector = static name =>
                name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) ? ContentLengthEncoding.Instance : Encoding.Latin1,
            ResponseHeaderEncodingSelector = static _ => Encoding.Latin1,
        };

        // Waitress refuses a head (line, fields, empty line) whose size is the limit or more. Kestrel limits the line and the fields
        // apart: each may be what it could be at most in a head below the limit. It adds two bytes for the empty line to the fields.
        var limit = (int)Math.Min(settings.MaxRequestHeaderSize, int.MaxValue);
        options.Limits.MaxRequestLineSize = Math.Max(1, limit - 1 - 2);
        options.Limits.MaxRequestHeadersTotalSize = Math.Max(1, limit - 1 - ShortestLine - 2);
        options.Limits.MaxRequestHeaderCount = MostHeaders;
        options.Limits.MaxRequestBodySize = null;
        // Bounds of the transport, which is ours (ListenerFactory); here they would only be checked against the limits above.
        options.Limits.MaxRequestBufferSize = null;
        options.Limits.MaxResponseBufferSize = Math.Max(1, settings.OutbufOverflow);
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(Math.Max(1, settings.TimeoutKeepAlive ?? settings.ChannelTimeout));
        options.Limits.RequestHeadersTimeout = settings.HeaderTimeoutInForce;
        // Ours count only the time that the client lets us wait (BodyPace, ClientPace); Kestrel's give a client 5 seconds of pause.
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;

        // A proxy in front that ends TLS sends https on a plain connection; the app is told by settings and trusted proxies, not by this.
        options.AllowAlternateSchemes = true;
        options.Limits.Http2.MaxStreamsPerConnection = settings.Http2MaxStreams;
        options.Limits.Http2.MaxRequestHeaderFieldSize = limit;

        var choice = settings.SpeaksHttp2 ? new ProtocolChoice(settings, wire) : null;
        if (choice is not null)
        {
            options.Listen(new HandedEndPoint(), endPoint =>
                choice.UseHandedEndPoint(endPoint, new Http2Options(wire, options.Limits.KeepAliveTimeout, settings.MinResponseRate, settings.ServesWebSockets, http2Failed)));
        }

        foreach (var socket in sockets)
        {
            options.Listen(new ListenEndPoint(socket), endPoint =>
            {
                endPoint.Protocols = HttpProtocols.Http1;
                if (tls is not null)
                    TlsWire.Use(endPoint, tls);
                choice?.Use(endPoint);
                WireGuard.Use(endPoint, wire);
            });
        }

        return options;
    }
}
