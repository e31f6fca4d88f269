using System.Globalization;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Asgi;

/// <summary>
/// The opening handshake of RFC 6455 section 4, over HTTP/2 that of RFC 8441 section 5, and the negotiation of permessage-deflate (RFC 7692). Pure
/// functions of the headers.
/// </summary>
internal static class WebSocketHandshake
{
    /// <summary>What Upgrade calls it, or `:protocol`; in any case of letters (RFC 9110 section 7.8).</summary>
    public const string Protocol = "websocket";

    // RFC 6455 section 1.3.
    private const string Identifier = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    private const string Deflate = "permessage-deflate";

    private static readonly Refusal BadKey = Refusal.BadRequest.Because("The Sec-WebSocket-Key header is missing or malformed");

    /// <summary>Why the request can't become a WebSocket, or null.</summary>
    /// <param name="headers">The request's.</param>
    /// <param name="isStream">Over HTTP/2: without a key, which is there to tell servers apart that know of no WebSockets, as CONNECT does.</param>
    public static Refusal? Check(IHeaderDictionary headers, bool isStream = false)
    {
        if (headers.SecWebSocketVersion.ToString() != "13")
            return Refusal.WebSocketVersion;
        if (isStream)
            return null;
        Span<byte> key = stackalloc byte[32];
        return Convert.TryFromBase64String(headers.SecWebSocketKey.ToString(), key, out var length) && length == 16 ? null : BadKey;
    }

    /// <summary>Puts the fields of the accepting answer into its headers.</summary>
    public static void Answer(Exchange exchange, IHeaderDictionary answer, WebSocketCreationOptions options)
    {
        if (!exchange.IsMultiplexed)
        {
            var key = exchange.Request.Headers.SecWebSocketKey.ToString();
            answer.Upgrade = Protocol;
            answer.Connection = "Upgrade";
            answer.SecWebSocketAccept = Convert.ToBase64String(Hash(key + Identifier));
        }

        if (options.SubProtocol is not null)
            answer.SecWebSocketProtocol = options.SubProtocol;
        if (options.DangerousDeflateOptions is { } deflate)
            answer.SecWebSocketExtensions = Describe(deflate);
    }

    /// <summary>
    /// The first offer of permessage-deflate that can be met, or null. Neither side keeps its window between messages: that costs a few per cent of
    /// size, and saves some hundred KiB per connection (RFC 7692 section 7.1.1 has it decided by the server).
    /// </summary>
    public static WebSocketDeflateOptions? Negotiate(IHeaderDictionary headers)
    {
        foreach (var offer in headers.GetCommaSeparatedValues("Sec-WebSocket-Extensions"))
        {
            var parts = offer.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0].Equals(Deflate, StringComparison.OrdinalIgnoreCase) && Read(parts.AsSpan(1)) is { } options)
                return options;
        }

        return null;
    }

    private static WebSocketDeflateOptions? Read(ReadOnlySpan<string> parameters)
    {
        var options = new WebSocketDeflateOptions { ClientContextTakeover = false, ServerContextTakeover = false };
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var parameter in parameters)
        {
            var equals = parameter.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? parameter : parameter[..equals].TrimEnd();
            var value = equals < 0 ? null : parameter[(equals + 1)..].Trim().Trim('"');
            if (!seen.Add(name))
                return null;
            switch (name)
            {
                case "server_no_context_takeover" or "client_no_context_takeover" when value is null:
                    break;
                case "client_max_window_bits" when value is null:
                    break;

                // 8 is allowed by the RFC, and zlib can't do it.
                case "client_max_window_bits" when TryBits(value, out var bits):
                    options.ClientMaxWindowBits = bits;
                    break;
                case "server_max_window_bits" when TryBits(value, out var bits):
                    options.ServerMaxWindowBits = bits;
                    break;
                default:
                    return null;
            }
        }

        return options;
    }

    private static bool TryBits(string? value, out int bits) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out bits) && bits is >= 9 and <= 15;

    private static string Describe(WebSocketDeflateOptions options)
    {
        var text = new StringBuilder(Deflate).Append("; server_no_context_takeover; client_no_context_takeover");
        if (options.ServerMaxWindowBits < 15)
            text.Append(CultureInfo.InvariantCulture, $"; server_max_window_bits={options.ServerMaxWindowBits}");
        if (options.ClientMaxWindowBits < 15)
            text.Append(CultureInfo.InvariantCulture, $"; client_max_window_bits={options.ClientMaxWindowBits}");
        return text.ToString();
    }

    // SHA-1 is the protocol's, and protects nothing.
#pragma warning disable CA5350
    private static byte[] Hash(string text) => SHA1.HashData(Encoding.ASCII.GetBytes(text));
#pragma warning restore CA5350
}
