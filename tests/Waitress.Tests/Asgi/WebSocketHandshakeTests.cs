using Microsoft.AspNetCore.Http;
using Waitress.Asgi;

namespace Waitress.Tests.Asgi;

public class WebSocketHandshakeTests
{
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";

    [Fact]
    public void Check_GoodRequest_IsNull() => Assert.Null(WebSocketHandshake.Check(Headers(Key)));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("dGhlIHNhbXBsZSBub25j")] // 15 bytes
    [InlineData("dGhlIHNhbXBsZSBub25jZSE=")] // 17
    [InlineData("!!!!IHNhbXBsZSBub25jZQ==")]
    public void Check_WrongKey_IsRefused(string? key) => Assert.Equal(400, WebSocketHandshake.Check(Headers(key))?.Status);

    [Fact]
    public void Check_OverHttp2_NeedsTheVersionAndNoKey()
    {
        Assert.Null(WebSocketHandshake.Check(Headers(null), isStream: true));
        Assert.Equal(426, WebSocketHandshake.Check(Headers(Key, "8"), isStream: true)?.Status);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("8")]
    [InlineData("013")]
    [InlineData("13, 8")]
    public void Check_OtherVersion_IsToldTheRightOne(string? version)
    {
        var refusal = WebSocketHandshake.Check(Headers(Key, version));
        Assert.Equal((426, ("Sec-WebSocket-Version", "13")), (refusal?.Status, refusal?.Field));
    }

    [Theory]
    [InlineData("permessage-deflate", 15, 15)]
    [InlineData("permessage-deflate; client_max_window_bits", 15, 15)]
    [InlineData("Permessage-Deflate; client_max_window_bits=10; server_max_window_bits=\"9\"", 10, 9)]
    [InlineData("permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15, 15)]
    [InlineData("x-other, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=12", 15, 12)]
    [InlineData("permessage-deflate; server_max_window_bits=8, permessage-deflate", 15, 15)] // zlib can't do 8
    public void Negotiate_OfferThatCanBeMet_IsTaken(string offer, int client, int server)
    {
        var options = WebSocketHandshake.Negotiate(Offering(offer));
        Assert.Equal((client, server, false, false), (options!.ClientMaxWindowBits, options.ServerMaxWindowBits, options.ClientContextTakeover, options.ServerContextTakeover));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x-webkit-deflate-frame")]
    [InlineData("permessage-deflate; unknown")]
    [InlineData("permessage-deflate; server_max_window_bits")]
    [InlineData("permessage-deflate; server_max_window_bits=16")]
    [InlineData("permessage-deflate; server_max_window_bits=-9")]
    [InlineData("permessage-deflate; client_max_window_bits=x")]
    [InlineData("permessage-deflate; client_no_context_takeover=1")]
    [InlineData("permessage-deflate; client_max_window_bits; client_max_window_bits")]
    public void Negotiate_OfferThatCannotBeMet_IsNull(string offer) => Assert.Null(WebSocketHandshake.Negotiate(Offering(offer)));

    private static HeaderDictionary Offering(string offer) => new() { ["Sec-WebSocket-Extensions"] = offer };

    private static IHeaderDictionary Headers(string? key, string? version = "13")
    {
        IHeaderDictionary headers = new HeaderDictionary();
        if (key is not null)
            headers.SecWebSocketKey = key;
        if (version is not null)
            headers.SecWebSocketVersion = version;
        return headers;
    }
}
