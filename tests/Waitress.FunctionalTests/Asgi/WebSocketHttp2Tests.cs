using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>Over HTTP/2 (RFC 8441), also frame by frame: tests/apps/http2_client.py.</summary>
public sealed class WebSocketHttp2Tests(SocketHttp2Server server) : WebSocketTests(server, HttpVersion.Version20), IClassFixture<SocketHttp2Server>
{
    [Theory]
    [InlineData("tunnel", 501)]
    [InlineData("other", 501)]
    [InlineData("version", 426)]
    [InlineData("no-version", 426)]
    [InlineData("length", 400)]
    [InlineData("upgrade", 400)]
    [InlineData("no-authority", 400)]
    [InlineData("denied", 403)]
    [InlineData("denied-http", 401)]
    [InlineData("fails", 500)]
    [InlineData("case", 200)]
    [InlineData("good", 200)]
    public async Task Connect_OfEachKind_HasItsAnswerAndTheConnectionGoesOn(string which, int status)
    {
        var result = await Tool.Http2Async(server.Server, "no_handshake", which);
        Assert.Equal((status, 200, false), (Status(result, 1), Status(result, 3), result.GetProperty("closed").GetBoolean()));
        Assert.Equal(1, result.GetProperty("settings").GetProperty("8").GetInt32()); // SETTINGS_ENABLE_CONNECT_PROTOCOL
        var head = result.GetProperty("headers").GetProperty("1");
        Assert.Equal(status == 426 ? "13" : null, head.TryGetProperty("sec-websocket-version", out var version) ? version.GetString() : null);
        Assert.False(head.TryGetProperty("sec-websocket-accept", out _) || head.TryGetProperty("upgrade", out _) || head.TryGetProperty("connection", out _));
        if (which == "denied-http")
            Assert.Equal(300_000, result.GetProperty("bodies").GetProperty("1").GetInt32());
    }

    [Theory]
    [InlineData("get")]
    [InlineData("no-path")]
    public async Task Connect_ThatIsMalformed_LosesItsStreamAlone(string which)
    {
        var result = await Tool.Http2Async(server.Server, "no_handshake", which);
        Assert.Equal((1, 200), (result.GetProperty("resets").GetProperty("1").GetInt32(), Status(result, 3))); // PROTOCOL_ERROR
    }

    [Fact]
    public async Task Client_ThatEndsItsStreamWithTheHandshake_Is1006ForTheApp()
    {
        var from = server.Log.Lines.Count;
        var result = await Tool.Http2Async(server.Server, "no_handshake", "half-closed");
        Assert.Equal((200, 200), (Status(result, 1), Status(result, 3)));
        await server.Log.WaitForLog("MARK disconnected half-closed 1006", from);
    }

    [Fact]
    public async Task Frames_InPieces_AreMessagesAndAResetEndsOneSocketAlone()
    {
        var from = server.Log.Lines.Count;
        var result = await Tool.Http2Async(server.Server, "socket_in_pieces");
        Assert.Equal("\x8a\x01?\x81\x0dHello, World!\x82\x02\0\xff", Text(result, 1));
        Assert.Equal("\x81\x06" + "beside\x81\x0astill here\x88\x02\x0f\xa0", Text(result, 3));
        Assert.Equal((200, 200, false), (Status(result, 5), Status(result, 7), result.GetProperty("closed").GetBoolean()));
        await server.Log.WaitForLog("MARK disconnected pieces 1006", from);
    }

    [Fact]
    public async Task Streams_OneAfterTheOther_AreEachOfTheirKind()
    {
        var ran = await Tool.RunAsync("/usr/bin/python3", ["http2_client.py", "127.0.0.1", server.Server.PortText, "in_turns"]);
        Assert.True(ran.Code == 0, ran.Errors);
        Assert.Equal(["d 403 81 True", "g 200 14 True", "h 401 70000 True", "s 200 13 True"], ran.Output.Split('\n')[..^2]);
    }

    [Fact]
    public async Task Client_ThatOpensNoWindow_HasItsAppWaitAndHoldsNoOther()
    {
        var name = Pattern.Name();
        var ran = await Tool.RunAsync("/usr/bin/python3", ["http2_client.py", "127.0.0.1", server.Server.PortText, "socket_without_window", name]);
        Assert.True(ran.Code == 0, ran.Errors);
        var counts = ran.Output.Split('\n')[0].Split(' ');
        Assert.InRange(int.Parse(counts[0], null), 1, 500); // of 64 KiB each
        Assert.InRange(int.Parse(counts[1], null), 65_000, 65_535); // the stream's window
        await server.Log.WaitForMark("oserror " + name);
    }

    [Fact]
    public async Task Sockets_AndRequestsOnOneConnection_AllGoOn()
    {
        const int Many = 40;
        var sockets = await Task.WhenAll(Enumerable.Range(0, Many).Select(_ => OpenAsync("/echo")));
        for (var turn = 0; turn < 3; turn++)
        {
            await Task.WhenAll(sockets.Select(async (socket, number) =>
            {
                await SendAsync(socket, $"{turn} {number}");
                Assert.Equal($"{turn} {number}", await TextAsync(socket));
            }));
        }

        await Task.WhenAll(sockets.Select(socket => socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None))).Within("all are closed");
        foreach (var socket in sockets)
            socket.Dispose();
    }

    [Fact]
    public async Task Requests_OnStreamsThatWereSockets_AreServed()
    {
        var result = await Tool.Http2Async(server.Server, "sockets_then_requests", "10");
        Assert.Equal(Enumerable.Repeat(200, 200), result.GetProperty("statuses").EnumerateObject().Select(each => each.Value.GetInt32()));
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("Fault in the server", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Client_ThatAnswersNoPing_LosesItsStreamAlone()
    {
        await using var strict = await PythonServer.StartAsync("asgi_sockets:app", ["--http=2", "--ws-ping-interval=0.2", "--ws-ping-timeout=0.5"]);
        var result = await Tool.Http2Async(strict, "silent_socket");
        Assert.True(result.GetProperty("resets").TryGetProperty("1", out _));
        Assert.Equal(200, Status(result, 3));
        await strict.Log.WaitForLog("MARK disconnected silent 1006");
        Assert.Equal(0, await strict.StopAsync());
    }

    [Fact]
    public async Task Stop_WithOpenSockets_ClosesThemWith1012()
    {
        await using var strict = await PythonServer.StartAsync("asgi_sockets:app", ["--http=2"]);
        await using var client = Tool.StartHttp2(strict, "stopped_socket");
        await client.Output.WaitForLog("open");
        strict.Process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await strict.Process.ExitAsync());
        Assert.Equal(0, await client.ExitAsync());
        var result = JsonDocument.Parse(client.Output.Lines[^1]).RootElement;
        Assert.Equal(("\x88\x02\x03\xf4", "\x88\x02\x03\xf4", 0), (Text(result, 1), Text(result, 3), result.GetProperty("goaway").GetInt32()));
        Assert.True(strict.Log.HasMark("disconnected polite 1012 "));
    }

    [Fact]
    public async Task Sockets_OverTheLimit_AreRefusedAndTheRestIsCountedAndLogged()
    {
        using var folder = new TemporaryFolder();
        await using var small = await PythonServer.StartAsync("asgi_sockets:app",
            ["--http=1,2", "--limit-concurrency=3", "--metrics-path=/metrics", "--access-logfile=" + folder.File("log"), "--access-logformat=%(m)s %(U)s %(H)s %(s)s %(B)s"]);
        await using (var client = Tool.StartHttp2(small, "crowd", "5"))
        {
            Assert.Equal(0, await client.ExitAsync());
            var statuses = JsonDocument.Parse(client.Output.Lines[^1]).RootElement.GetProperty("statuses").EnumerateObject().Select(each => each.Value.GetInt32());
            Assert.Equal([200, 200, 200, 503, 503], statuses.Order());
        }

        using var metrics = await small.ConnectAsync();
        await Deadline.Until(async () => (await metrics.GetAsync("/metrics")).Text.Contains("waitress_websockets_open 0", StringComparison.Ordinal), "the sockets are counted off");
        var text = (await metrics.GetAsync("/metrics")).Text.Split('\n');
        Assert.Contains("""waitress_requests_total{method="other",status="1xx"} 3""", text);
        using (var socket = await OpenAsync(small, "/echo"))
        {
            await SendAsync(socket, "hello");
            Assert.Equal("hello", await TextAsync(socket));
            Assert.Contains("waitress_websockets_open 1", (await metrics.GetAsync("/metrics")).Text, StringComparison.Ordinal);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }

        Assert.Equal(0, await small.StopAsync());
        Assert.Contains("CONNECT /echo HTTP/2 200 5", await File.ReadAllLinesAsync(folder.File("log")));
    }

    [Fact]
    public async Task WsgiApp_AloneOrBesideSockets_KeepsItsRequests()
    {
        await using var alone = await PythonServer.StartAsync("suite:app", ["--http=1,2"]);
        var refused = await Tool.Http2Async(alone, "no_handshake", "good");
        Assert.Equal((501, 200, 0), (Status(refused, 1), Status(refused, 3), refused.GetProperty("settings").GetProperty("8").GetInt32()));
        await using var both = await PythonServer.StartAsync("suite:app", ["--http=1,2", "--asgi-websockets=asgi_sockets:app"]);
        var served = await Tool.Http2Async(both, "no_handshake", "good");
        Assert.Equal((200, "\x88\x02\x03\xe8", 1), (Status(served, 1), Text(served, 1), served.GetProperty("settings").GetProperty("8").GetInt32()));
        Assert.Equal(Expected.Hello, Text(served, 3));
        Assert.Equal(501, Status(await Tool.Http2Async(both, "no_handshake", "tunnel"), 1));
    }

    private static string Text(JsonElement result, int stream) => result.GetProperty("texts").GetProperty($"{stream}").GetString()!;

    private static int? Status(JsonElement result, int stream) =>
        result.GetProperty("statuses").TryGetProperty($"{stream}", out var status) ? status.GetInt32() : null;
}
