using Waitress.Configuration;
using Waitress.Tests.Http;
using static Waitress.Tests.Transport.SocketPair;

namespace Waitress.Tests.Transport;

public sealed class PollerTests
{
    [Fact]
    public async Task Poll_OnTheCallersThread_ReadsThereWhatHasCome()
    {
        await using var pair = await SocketPair.OpenAsync(polls: false);
        pair.Poller.Poll(); // That the new socket can be written to.
        Assert.False(pair.Poller.HasWaiting);
        var read = pair.Input.ReadAsync().AsTask();
        var thread = 0;
        var seen = read.ContinueWith(_ => thread = Environment.CurrentManagedThreadId, TaskContinuationOptions.ExecuteSynchronously);
        await pair.Client.SendAsync("x"u8.ToArray());
        Assert.True(SpinWait.SpinUntil(() => pair.Poller.HasWaiting, TimeSpan.FromSeconds(20)));
        Assert.False(read.IsCompleted);
        var here = Environment.CurrentManagedThreadId;
        pair.Poller.Poll();
        Assert.True(seen.IsCompleted);
        Assert.Equal(here, thread);
        Assert.False(pair.Poller.HasWaiting);
        await seen;
    }

    [Fact]
    public async Task Connection_ThatHasEnded_LeavesItsNumberToANewOne()
    {
        using var poller = new Waitress.Transport.Poller(WriteBuffer);
        for (var round = 0; round < 20; round++)
        {
            await using var pair = await SocketPair.OpenAsync(poller: poller);
            await pair.Client.SendAsync(new[] { (byte)round });
            var read = await InTime(pair.Input.ReadAsync());
            Assert.Equal((byte)round, read.Buffer.FirstSpan[0]);
            pair.Input.AdvanceTo(read.Buffer.End);
        }
    }

    [Fact]
    public async Task Connections_MoreThanTheTableHasPlaces_AreAllRead()
    {
        using var poller = new Waitress.Transport.Poller(WriteBuffer);
        var pairs = new List<SocketPair>();
        for (var i = 0; i < 200; i++) // 400 descriptors; 256 places at first.
            pairs.Add(await SocketPair.OpenAsync(poller: poller));
        for (var i = 0; i < pairs.Count; i++)
            await pairs[i].Client.SendAsync(new[] { (byte)i });
        for (var i = 0; i < pairs.Count; i++)
        {
            var read = await InTime(pairs[i].Input.ReadAsync());
            Assert.Equal((byte)i, read.Buffer.FirstSpan[0]);
            pairs[i].Input.AdvanceTo(read.Buffer.End);
        }

        foreach (var pair in pairs)
            await pair.DisposeAsync();
    }

    [Theory]
    [InlineData("whole", false)]
    [InlineData("bytes", false)]
    [InlineData("lines", true)]
    [InlineData("cr|lf", false)]
    [InlineData("bytes", true)]
    public async Task Server_OnPolledConnections_AnswersWhateverWayTheBytesCome(string how, bool unix)
    {
        var path = Path.Combine(Path.GetTempPath(), $"waitress-{Guid.NewGuid():N}.sock");
        var settings = unix ? new Settings { UnixSocket = path } : new Settings { Listen = ["127.0.0.1:0"] };
        await using var server = await WireServer.StartAsync(settings, polled: true);
        using var client = await server.ConnectAsync();
        var answer = await client.ExchangeAsync(how,
            "GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyPOST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        Assert.Equal(4, answer.Split("HTTP/1.1 200 OK").Length);
        Assert.Contains("GET /a ", answer, StringComparison.Ordinal);
        Assert.Contains("POST /b body", answer, StringComparison.Ordinal);
        Assert.EndsWith("POST /c abc", answer, StringComparison.Ordinal);
        Assert.Empty(server.Reports);
        Assert.Equal(3, server.Served.Count);
    }

    [Fact]
    public async Task Stop_WithPolledConnections_ServesWhatIsUnderWayAndClosesTheIdle()
    {
        await using var server = await WireServer.StartAsync(polled: true);
        using var idle = await server.ConnectAsync();
        await idle.SendAsync("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
        await idle.ReadUntilAsync("GET /idle ");
        var goes = new TaskCompletionSource();
        var begun = new TaskCompletionSource();
        server.BeforeAnswer = () =>
        {
            begun.TrySetResult();
            return goes.Task;
        };
        using var busy = await server.ConnectAsync();
        await busy.SendAsync("GET /busy HTTP/1.1\r\nHost: h\r\n\r\n");
        await InTime(begun.Task);
        var stopped = server.StopAsync();
        goes.SetResult();
        Assert.EndsWith("GET /busy ", await busy.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal("", await idle.ReadToEndAsync());
        await InTime(stopped);
        Assert.Equal(0, server.Gate.Open);
    }
}
