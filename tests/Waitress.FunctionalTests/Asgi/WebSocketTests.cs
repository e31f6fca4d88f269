using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>WebSockets with .NET's client, over either version of HTTP.</summary>
public abstract class WebSocketTests(ServerFixture server, Version version) : IDisposable
{
    // Over HTTP/2 all sockets of a test share its connection.
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler());

    public void Dispose()
    {
        _http.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Messages_OfEachKind_ComeBack(bool compressed)
    {
        using var socket = await OpenAsync("/echo", options => options.DangerousDeflateOptions = compressed ? new WebSocketDeflateOptions() : null);
        foreach (var size in new[] { 0, 1, 125, 126, 65_535, 65_536, 1_000_000 })
        {
            await socket.SendAsync(Pattern.Bytes(size), WebSocketMessageType.Binary, true, CancellationToken.None);
            var (type, data) = await ReceiveAsync(socket);
            Assert.Equal((WebSocketMessageType.Binary, Pattern.Digest(Pattern.Bytes(size))), (type, Pattern.Digest(data)));
        }

        await SendAsync(socket, "caf\u00e9 \u20ac");
        Assert.Equal("caf\u00e9 \u20ac", await TextAsync(socket));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }

    [Fact]
    public async Task Scope_OfAHandshake_HasEveryKeyAndTheAnswerWhatTheAppSaid()
    {
        using var socket = await OpenAsync("/scope?x=1", options =>
        {
            options.AddSubProtocol("one");
            options.AddSubProtocol("two");
            options.CollectHttpResponseDetails = true;
        });
        Assert.Equal("two", socket.SubProtocol);
        Assert.Equal(["yes"], socket.HttpResponseHeaders!["x-extra"]);
        Assert.Equal(["a=1", "b=2"], socket.HttpResponseHeaders["Set-Cookie"]);
        var seen = JsonDocument.Parse(await TextAsync(socket)).RootElement;
        string[] keys = ["type", "asgi", "http_version", "scheme", "path", "raw_path", "query_string", "root_path", "headers", "client", "server", "subprotocols", "extensions"];
        Assert.Equal(keys.Order(), seen.EnumerateObject().Select(each => each.Name).Order());
        Assert.Equal(("websocket", version.Major == 2 ? "2" : "1.1", "ws", "/scope", "x=1"),
            (seen.GetProperty("type").GetString(), seen.GetProperty("http_version").GetString(), seen.GetProperty("scheme").GetString(), seen.GetProperty("path").GetString(), seen.GetProperty("query_string").GetString()));
        Assert.Equal("""["one", "two"]""", seen.GetProperty("subprotocols").GetRawText());
        Assert.Equal("""{"websocket.http.response": {}}""", seen.GetProperty("extensions").GetRawText());
    }

    [Theory]
    [InlineData(1000, "")]
    [InlineData(4000, "a reason, \u20ac")]
    public async Task Close_ByTheClient_IsToldToTheApp(int code, string reason)
    {
        var name = Pattern.Name();
        using var socket = await OpenAsync("/echo?name=" + name);
        await socket.CloseAsync((WebSocketCloseStatus)code, reason, CancellationToken.None);
        await server.Log.WaitForLog(line => line.StartsWith($"MARK disconnected {name} {code} {reason}".TrimEnd(), StringComparison.Ordinal), "the mark");
        Assert.Equal(code, (int)socket.CloseStatus!.Value);
    }

    [Theory]
    [InlineData(1000, "")]
    [InlineData(1011, "went wrong")]
    [InlineData(4999, "\u20ac")]
    public async Task Close_ByTheApp_IsToldToTheClient(int code, string reason)
    {
        var name = Pattern.Name();
        using var socket = await OpenAsync($"/close?code={code}&reason={Uri.EscapeDataString(reason)}&name={name}");
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).Type);
        Assert.Equal((code, reason), ((int)socket.CloseStatus!.Value, socket.CloseStatusDescription ?? ""));
        await server.Log.WaitForMark($"then {name} {code}");
        await server.Log.WaitForMark("oserror " + name);
    }

    [Fact]
    public async Task Client_ThatBreaksOff_Is1006ForTheApp()
    {
        var name = Pattern.Name();
        var socket = await OpenAsync("/echo?name=" + name);
        socket.Abort();
        socket.Dispose();
        await server.Log.WaitForMark($"disconnected {name} 1006 ");
    }

    [Theory]
    [InlineData("", 1011)]
    [InlineData("&return", 1000)]
    public async Task App_ThatEnds_ClosesTheSocket(string how, int code)
    {
        using var socket = await OpenAsync($"/fails?after{how}&name={Pattern.Name()}");
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).Type);
        Assert.Equal(code, (int)socket.CloseStatus!.Value);
    }

    [Theory]
    [InlineData("send-first", "RuntimeError: websocket.send was sent out of order: the WebSocket is not accepted yet")]
    [InlineData("body-first", "RuntimeError: websocket.http.response.body was sent out of order: the WebSocket is not accepted yet")]
    [InlineData("http", "RuntimeError: http.response.start was sent out of order: the WebSocket is not accepted yet")]
    [InlineData("bad-header", "ValueError: carriage return/line feed or another control character present in the value of header a")]
    [InlineData("bad-subprotocol", "ValueError: carriage return/line feed or another control character present in the value of header Sec-WebSocket-Protocol")]
    [InlineData("accept-twice", "RuntimeError: websocket.accept was sent out of order: the WebSocket is open")]
    [InlineData("nothing", "ValueError: websocket.send needs bytes, or text, which is a str")]
    [InlineData("text-as-bytes", "TypeError: a bytes-like object is required, not 'str'")]
    [InlineData("surrogate", "ValueError: the text of a WebSocket message can't hold lone surrogates")]
    [InlineData("code-1005", "ValueError: 1005 is not a close code that may be sent (RFC 6455 section 7.4)")]
    [InlineData("code-99", "ValueError: 99 is not a close code that may be sent (RFC 6455 section 7.4)")]
    public async Task Message_ThatIsWrong_RaisesAndTheSocketGoesOn(string kind, string expected)
    {
        using var socket = await OpenAsync("/mistake?kind=" + kind);
        Assert.Equal(expected, await TextAsync(socket));
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).Type);
    }

    [Fact]
    public async Task Messages_ForEverybody_ReachThem()
    {
        // Over HTTP/2 they share a connection, which has 100 streams.
        var clients = version.Major == 2 ? 90 : 500;
        var sockets = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => OpenAsync("/broadcast")));
        foreach (var socket in sockets)
            Assert.Equal("joined", await TextAsync(socket));
        for (var turn = 0; turn < 5; turn++)
        {
            await SendAsync(sockets[turn], "turn " + turn);
            foreach (var socket in sockets)
                Assert.Equal("turn " + turn, await TextAsync(socket));
        }

        await Task.WhenAll(sockets.Select(socket => socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None)));
        foreach (var socket in sockets)
            socket.Dispose();
    }

    [Fact]
    public async Task Message_Large_IsSentWhole()
    {
        using var socket = await OpenAsync("/big?size=5020000");
        Assert.Equal(Pattern.Digest(Pattern.Bytes(5_020_000)), Pattern.Digest((await ReceiveAsync(socket)).Data));
        Assert.Equal(5_020_000, (await TextAsync(socket)).Length);
    }

    [Fact]
    public async Task Message_LargerThanTheLimit_IsTooBig()
    {
        var name = Pattern.Name();
        using var socket = await OpenAsync("/echo?name=" + name);
        await socket.SendAsync(new byte[1_000_001], WebSocketMessageType.Binary, true, CancellationToken.None);
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).Type);
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, socket.CloseStatus);
        await server.Log.WaitForMark($"disconnected {name} 1009 ");
    }

    [Fact]
    public async Task Tasks_ReadingAndWritingAtOnce_LoseNothing()
    {
        using var socket = await OpenAsync("/tasks");
        for (var number = 0; number < 20; number++)
            await SendAsync(socket, "m" + number);
        for (var number = 0; number < 100; number++)
            Assert.Equal(number.ToString(System.Globalization.CultureInfo.InvariantCulture), await TextAsync(socket));
        Assert.Equal(string.Join(',', Enumerable.Range(0, 20).Select(number => "m" + number)), await TextAsync(socket));
    }

    [Fact]
    public async Task Tasks_SendingAtOnce_SendWholeMessages()
    {
        using var socket = await OpenAsync("/gather");
        for (var number = 0; number < 8; number++)
        {
            var (_, data) = await ReceiveAsync(socket);
            Assert.Equal((1_000_000, -1), (data.Length, data.AsSpan().IndexOfAnyExcept((byte)number)));
        }

        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).Type);
    }

    [Fact]
    public async Task Task_ThatOutlivesTheApp_IsToldThatItIsOver()
    {
        var name = Pattern.Name();
        using var socket = await OpenAsync("/lingering?name=" + name);
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(socket)).Type);
        await server.Log.WaitForMark($"websocket.disconnect {name} 1000");
    }

    [Fact]
    public async Task App_ThatIsSlow_HasItsClientWaitAndGetsAll()
    {
        using var gate = new Gate();
        var name = Pattern.Name();
        using var socket = await OpenAsync("/slow?" + gate.Query(name));
        await server.Log.WaitForMark("entered " + name);
        var block = new byte[500_000];
        var sending = Task.Run(async () =>
        {
            for (var number = 0; number < 40; number++)
                await socket.SendAsync(block, WebSocketMessageType.Binary, true, CancellationToken.None);
            await SendAsync(socket, "end");
        });
        await server.Server.AssertServesAsync();
        Assert.False(sending.IsCompleted); // 20 MB are more than the queue of 4 messages and the system's buffers take.
        gate.Open();
        await sending.Within("all is sent");
        Assert.Equal("40 20000000", await TextAsync(socket));
    }

    private static async Task<(WebSocketMessageType Type, byte[] Data)> ReceiveAsync(WebSocket socket)
    {
        using var whole = new MemoryStream();
        var buffer = new byte[65_536];
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer, CancellationToken.None).Within("a message");
            whole.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
                return (result.MessageType, whole.ToArray());
        }
    }

    protected static async Task<string> TextAsync(WebSocket socket)
    {
        var (type, data) = await ReceiveAsync(socket);
        Assert.Equal(WebSocketMessageType.Text, type);
        return Encoding.UTF8.GetString(data);
    }

    protected static Task SendAsync(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    protected Task<ClientWebSocket> OpenAsync(string target, Action<ClientWebSocketOptions>? set = null) => OpenAsync(server.Server, target, set);

    private protected async Task<ClientWebSocket> OpenAsync(PythonServer at, string target, Action<ClientWebSocketOptions>? set = null)
    {
        var socket = new ClientWebSocket();
        (socket.Options.HttpVersion, socket.Options.HttpVersionPolicy) = (version, HttpVersionPolicy.RequestVersionExact);
        set?.Invoke(socket.Options);
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{at.PortText}{target}"), _http, CancellationToken.None).Within("the handshake");
        return socket;
    }
}
