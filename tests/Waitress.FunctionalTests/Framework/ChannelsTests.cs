using System.Net.WebSockets;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Framework;

public sealed class ChannelsServer() : ServerFixture("channels_app:app");

/// <summary>Django Channels: consumers, groups, and Django's own views beside them.</summary>
public sealed class ChannelsTests(ChannelsServer channels) : IClassFixture<ChannelsServer>
{
    [Fact]
    public async Task Message_ToAGroup_ReachesItsMembersAlone()
    {
        var (room, elsewhere) = (Pattern.Name(), Pattern.Name());
        using var first = await JoinAsync(room);
        using var second = await JoinAsync(room);
        using var other = await JoinAsync(elsewhere);
        foreach (var (from, text) in new[] { (first, "from the first"), (second, "caf\u00e9 \u20ac") })
        {
            await SocketEcho.SendAsync(from, text);
            Assert.Equal(text, await SocketEcho.TextAsync(first));
            Assert.Equal(text, await SocketEcho.TextAsync(second));
        }

        await SocketEcho.SendAsync(other, "elsewhere");
        Assert.Equal("elsewhere", await SocketEcho.TextAsync(other));
        await second.CloseAsync((WebSocketCloseStatus)4001, null, CancellationToken.None).Within("the end");
        await channels.Log.WaitForMark($"disconnected {room} 4001");
        await SocketEcho.SendAsync(first, "still here");
        Assert.Equal("still here", await SocketEcho.TextAsync(first));
        first.Abort();
        await channels.Log.WaitForMark($"disconnected {room} 1006");
    }

    [Fact]
    public async Task Message_Binary_ReachesAllMembers()
    {
        var room = Pattern.Name();
        using var first = await JoinAsync(room);
        using var second = await JoinAsync(room);
        var data = Pattern.Bytes(900);
        await first.SendAsync(data, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
        var buffer = new byte[1000];
        foreach (var socket in new[] { first, second })
        {
            var result = await socket.ReceiveAsync(buffer, CancellationToken.None).Within("a message");
            Assert.Equal((WebSocketMessageType.Binary, Pattern.Digest(data)), (result.MessageType, Pattern.Digest(buffer[..result.Count])));
        }
    }

    [Fact]
    public async Task Consumer_InAThread_AnswersAndCloses()
    {
        using var socket = await SocketEcho.OpenAsync(channels.Server, "/sums");
        await SocketEcho.SendAsync(socket, "[1, 2, 3]");
        Assert.Equal("""{"sum": 6}""", await SocketEcho.TextAsync(socket));
        await SocketEcho.SendAsync(socket, "\"close\"");
        Assert.Equal(WebSocketMessageType.Close, (await socket.ReceiveAsync(new byte[10], CancellationToken.None).Within("the end")).MessageType);
        Assert.Equal(4001, (int)socket.CloseStatus!.Value);
    }

    [Fact]
    public async Task Consumer_ThatRefuses_Is403()
    {
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => SocketEcho.OpenAsync(channels.Server, "/refused"));
        Assert.Contains("403", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_OfAConsumer_EndWhenTheClientLeaves()
    {
        var name = Pattern.Name();
        using (var client = await channels.ConnectAsync())
        {
            await client.SendAsync($"GET /events?{name} HTTP/1.1\r\nHost: test\r\n\r\n");
            Assert.Contains("text/event-stream", await client.ReceiveHeadAsync(), StringComparison.Ordinal);
        }

        await channels.Log.WaitForMark("events ended " + name);
        using var http = channels.Server.Http();
        Assert.Equal("Hello from Django", await http.GetStringAsync("/"));
    }

    private async Task<ClientWebSocket> JoinAsync(string room)
    {
        var socket = await SocketEcho.OpenAsync(channels.Server, "/chat/" + room);
        Assert.Equal("joined", await SocketEcho.TextAsync(socket));
        return socket;
    }
}
