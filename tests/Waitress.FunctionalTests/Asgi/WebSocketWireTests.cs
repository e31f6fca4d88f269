using System.Globalization;
using System.Text;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What clients send that no library would, and clients that do nothing.</summary>
public sealed class WebSocketWireTests(SocketServer server) : IClassFixture<SocketServer>
{
    [Theory]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "8", 426)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==", "", 426)]
    [InlineData("short", "13", 400)]
    [InlineData("", "13", 400)]
    [InlineData("dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", "13", 400)]
    public async Task Handshake_Malformed_IsRefused(string key, string version, int status)
    {
        using var client = await server.ConnectAsync();
        var answer = await client.RequestAsync(RawWebSocket.Handshake("/echo", key, version));
        Assert.Equal(status, answer.Status);
        if (status == 426)
            Assert.Equal("13", answer.Header("Sec-WebSocket-Version"));
        await server.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Request_WithoutUpgrade_IsHttp()
    {
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/hello", "Sec-WebSocket-Version: 13\r\n")).Status);
        Assert.Equal(200, (await client.GetAsync("/hello", "Connection: Upgrade\r\nUpgrade: h2c\r\n")).Status);
    }

    [Theory]
    [InlineData(RawWebSocket.Text, "\xff\xfe", true, 1007)]
    [InlineData(RawWebSocket.Text, "unmasked", false, 1002)]
    [InlineData(0xC1, "reserved bit", true, 1002)]
    [InlineData(0x83, "reserved opcode", true, 1002)]
    [InlineData(0x80, "continuation of nothing", true, 1002)]
    [InlineData(0x09, "fragmented ping", true, 1002)]
    [InlineData(RawWebSocket.Close, "\x03", true, 1002)]
    [InlineData(RawWebSocket.Close, "\x00\x63", true, 1002)]
    public async Task Frame_AgainstTheProtocol_ClosesWithItsCode(byte first, string payload, bool masked, int code)
    {
        var name = Pattern.Name();
        using var socket = await RawWebSocket.OpenAsync(server.Server.EndPoint, "/echo?name=" + name);
        await socket.SendAsync(first, Encoding.Latin1.GetBytes(payload), masked);
        await socket.AssertClosedAsync(code);
        await server.Log.WaitForLog(line => line.StartsWith($"MARK disconnected {name} ", StringComparison.Ordinal), "the app is told");
        await server.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Message_InFragmentsWithAPingBetween_IsOne()
    {
        using var socket = await RawWebSocket.OpenAsync(server.Server.EndPoint, "/echo");
        await socket.SendAsync(0x01, [(byte)'c', (byte)'a', (byte)'f', 0xC3]);
        await socket.SendAsync(RawWebSocket.Ping, "are you there"u8.ToArray());
        await socket.SendAsync(0x00, []);
        await socket.SendAsync(0x80, [0xA9]);
        Assert.Equal((RawWebSocket.Pong, "are you there"), Read(await socket.ReceiveAsync()));
        Assert.Equal((RawWebSocket.Text, "caf\xc3\xa9"), Read(await socket.ReceiveAsync()));
        await socket.SendAsync(RawWebSocket.Close, []);
        Assert.Equal(RawWebSocket.Close, (await socket.ReceiveAsync()).First);
        await socket.Client.AssertClosedAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public async Task Message_LargerThanTheLimit_Is1009(int fragments)
    {
        var name = Pattern.Name();
        using var socket = await RawWebSocket.OpenAsync(server.Server.EndPoint, "/echo?name=" + name);
        for (var number = 0; number < fragments; number++)
            await socket.SendAsync((byte)((number == 0 ? 2 : 0) | (number == fragments - 1 ? 0x80 : 0)), new byte[1_000_040 / fragments]);
        await socket.AssertClosedAsync(1009);
        await server.Log.WaitForMark($"disconnected {name} 1009 ");
        await server.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Client_ThatReadsNothing_HasTheAppWaitAndMemoryStaySmall()
    {
        var name = Pattern.Name();
        using var socket = await RawWebSocket.OpenAsync(server.Server.EndPoint, "/flood?name=" + name, receiveBuffer: 4096);
        var count = -1L;
        await Deadline.Until(
            async () =>
            {
                var now = await AskAsync(name);
                for (var turn = 0; turn < 20; turn++)
                    now = Math.Max(now, await AskAsync(name));
                var same = now > 0 && now == count;
                count = now;
                return same;
            },
            "send waits");
        Assert.InRange(count, 1, 500); // of 64 KiB each
        socket.Client.Abort();
        await server.Log.WaitForMark("oserror " + name);
    }

    [Fact]
    public async Task Client_ThatAnswersNoPing_IsCutOff()
    {
        await using var strict = await PythonServer.StartAsync("asgi_sockets:app", ["--ws-ping-interval=0.2", "--ws-ping-timeout=0.5"]);
        using var socket = await RawWebSocket.OpenAsync(strict.EndPoint, "/echo?name=silent");
        Assert.Equal(RawWebSocket.Ping, (await socket.ReceiveAsync()).First);
        await strict.Log.WaitForLog("MARK disconnected silent 1006");
        Assert.Equal(0, await strict.StopAsync());
    }

    [Fact]
    public async Task Client_ThatAnswersPings_Stays()
    {
        await using var strict = await PythonServer.StartAsync("asgi_sockets:app", ["--ws-ping-interval=0.1", "--ws-ping-timeout=20", "--no-ws-compress"]);
        using var socket = await RawWebSocket.OpenAsync(strict.EndPoint, "/echo");
        for (var number = 0; number < 5; number++)
        {
            var (first, payload) = await socket.ReceiveAsync();
            Assert.Equal(RawWebSocket.Ping, first);
            await socket.SendAsync(RawWebSocket.Pong, payload);
        }

        await socket.SendAsync(RawWebSocket.Text, "still here"u8.ToArray());
        var (kind, text) = await socket.ReceiveAsync();
        while (kind == RawWebSocket.Ping)
            (kind, text) = await socket.ReceiveAsync();
        Assert.Equal("still here", Encoding.Latin1.GetString(text));
        Assert.Equal(0, await strict.StopAsync());
    }

    [Fact]
    public async Task Stop_WithOpenSockets_ClosesThemWith1012()
    {
        await using var strict = await PythonServer.StartAsync("asgi_sockets:app");
        using var socket = await RawWebSocket.OpenAsync(strict.EndPoint, "/echo?name=stopped");
        using var silent = await RawWebSocket.OpenAsync(strict.EndPoint, "/echo?name=silent");
        strict.Process.Signal(PythonProcess.Sigterm);
        await socket.AssertClosedAsync(1012);
        await socket.SendAsync(RawWebSocket.Close, [0x03, 0xF4]);
        await silent.AssertClosedAsync(1012);
        silent.Client.Abort();
        Assert.Equal(0, await strict.Process.ExitAsync());
        Assert.True(strict.Log.HasMark("disconnected stopped 1012 "));
    }

    private static (byte, string) Read((byte First, byte[] Payload) frame) => (frame.First, Encoding.Latin1.GetString(frame.Payload));

    private async Task<long> AskAsync(string name)
    {
        using var client = await server.ConnectAsync();
        return long.Parse((await client.GetAsync("/count?" + name)).Text, CultureInfo.InvariantCulture);
    }
}
