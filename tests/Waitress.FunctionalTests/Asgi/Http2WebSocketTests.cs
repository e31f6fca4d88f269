using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>tests/apps/asgi_sockets.py over HTTP/2 by prior knowledge.</summary>
public sealed class Http2SocketServer() : ServerFixture("asgi_sockets:app", "--http=1,2", "--ws-max-size=1000000");

/// <summary>WebSockets as streams of an HTTP/2 connection (RFC 8441), as browsers open them where a page came over HTTP/2.</summary>
public sealed class Http2WebSocketTests(Http2SocketServer server) : IClassFixture<Http2SocketServer>
{
    [Fact]
    public async Task Sockets_OnOneConnection_AreServedBesideRequests()
    {
        using var http = Http();
        var sockets = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => OpenAsync(http, "/echo")));
        await Task.WhenAll(sockets.Select(async (socket, number) =>
        {
            foreach (var size in new[] { 1, 125, 70_000, 300_000 })
            {
                var data = Pattern.Bytes(size + number);
                await socket.SendAsync(data, WebSocketMessageType.Binary, true, CancellationToken.None);
                Assert.Equal(Pattern.Digest(data), Pattern.Digest(await ReceiveAsync(socket)));
            }

            await socket.SendAsync("caf\u00e9"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
            Assert.Equal("caf\u00e9", Encoding.UTF8.GetString(await ReceiveAsync(socket)));
        }));
        Assert.Equal(Expected.Hello, await GetAsync(http, "/hello"));
        await Task.WhenAll(sockets.Select(socket => socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).Within("the end")));

        // Kestrel uses its objects for the sockets' streams again.
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => GetAsync(http, "/hello")));
        Assert.All(answers, answer => Assert.Equal(Expected.Hello, answer));
        foreach (var socket in sockets)
            socket.Dispose();
    }

    [Fact]
    public async Task Scope_OverHttp2_SaysSo()
    {
        using var http = Http();
        using var socket = await OpenAsync(http, "/scope?x=1", options => options.AddSubProtocol("one"));
        Assert.Equal("one", socket.SubProtocol);
        var seen = JsonDocument.Parse(await ReceiveAsync(socket)).RootElement;
        Assert.Equal(("websocket", "2", "/scope", "x=1"), (seen.GetProperty("type").GetString(), seen.GetProperty("http_version").GetString(),
            seen.GetProperty("path").GetString(), seen.GetProperty("query_string").GetString()));
        Assert.DoesNotContain(seen.GetProperty("headers").EnumerateArray(), pair => pair[0].GetString()!.StartsWith(':'));
    }

    [Theory]
    [InlineData(4999, "\u20ac")]
    public async Task Close_ByEither_IsToldToTheOther(int code, string reason)
    {
        var name = Pattern.Name();
        using var http = Http();
        using var byApp = await OpenAsync(http, $"/close?code={code}&reason={Uri.EscapeDataString(reason)}&name={name}");
        var result = await byApp.ReceiveAsync(new byte[10], CancellationToken.None).Within("the end");
        Assert.Equal((WebSocketMessageType.Close, code, reason), (result.MessageType, (int)byApp.CloseStatus!.Value, byApp.CloseStatusDescription));
        await server.Log.WaitForMark($"then {name} {code}");
        using var byClient = await OpenAsync(http, "/echo?name=" + name);
        await byClient.CloseAsync((WebSocketCloseStatus)code, reason, CancellationToken.None).Within("the end");
        await server.Log.WaitForMark($"disconnected {name} {code} {reason}");
    }

    [Fact]
    public async Task Stream_Reset_Is1006AndTheConnectionGoesOn()
    {
        var name = Pattern.Name();
        using var http = Http();
        var socket = await OpenAsync(http, "/echo?name=" + name);
        socket.Abort();
        socket.Dispose();
        await server.Log.WaitForMark($"disconnected {name} 1006 ");
        Assert.Equal(Expected.Hello, await GetAsync(http, "/hello"));
    }

    [Theory]
    [InlineData("/deny?name=x", 403)]
    [InlineData("/deny-http?size=12&name=x", 401)]
    [InlineData("/fails?name=x", 500)]
    public async Task Handshake_ThatIsNotAccepted_IsRefusedAndTheConnectionGoesOn(string target, int status)
    {
        using var http = Http();
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => OpenAsync(http, target));
        Assert.Contains(status.ToString(System.Globalization.CultureInfo.InvariantCulture), refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(Expected.Hello, await GetAsync(http, "/hello"));
    }

    private static async Task<byte[]> ReceiveAsync(WebSocket socket)
    {
        using var whole = new MemoryStream();
        var buffer = new byte[65_536];
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer, CancellationToken.None).Within("a message");
            whole.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
                return whole.ToArray();
        }
    }

    private static Task<string> GetAsync(HttpClient http, string target) => http.GetStringAsync(target).Within("an answer");

    private HttpClient Http()
    {
        var http = server.Server.Http();
        (http.DefaultRequestVersion, http.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        return http;
    }

    private async Task<ClientWebSocket> OpenAsync(HttpClient http, string target, Action<ClientWebSocketOptions>? set = null)
    {
        var socket = new ClientWebSocket();
        (socket.Options.HttpVersion, socket.Options.HttpVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        set?.Invoke(socket.Options);
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Server.PortText}{target}"), http, CancellationToken.None).Within("the handshake");
        return socket;
    }
}
