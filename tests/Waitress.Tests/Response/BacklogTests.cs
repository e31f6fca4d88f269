using Waitress.Configuration;
using Waitress.Http;
using Waitress.Tests.Http;

namespace Waitress.Tests.Response;

/// <summary>Slow readers: what is pending goes to a bounded file, the worker waits no earlier than it must, no byte is lost or moved.</summary>
[Collection(TemporaryFiles.Alone)]
public sealed class BacklogTests
{
    private const long Overflow = 65_536, Watermark = 1_048_576;

    // More than what Linux itself holds for a connection by default (4 MiB to send, 6 MiB received) and both limits.
    private const int Long = 24 * 1024 * 1024;

    private static readonly Settings Small = EngineServer.Loopback with { OutbufOverflow = Overflow, OutbufHighWatermark = Watermark };

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Bytes that tell their place, so that a lost or moved block shows.</summary>
    private static byte[] Content(int length, int seed = 1)
    {
        var content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }

    private static void Send(Exchange exchange, byte[] content, Random blocks, int largest, long? declared = null)
    {
        exchange.Response.Start(200, null);
        exchange.Response.Declare(declared);
        for (var at = 0; at < content.Length;)
        {
            var length = Math.Min(blocks.Next(1, largest), content.Length - at);
            if (!exchange.Response.Send(content.AsSpan(at, length)))
                return;
            at += length;
        }
    }

    private static void WaitUntilItWaits(EngineServer server) => Assert.True(
        SpinWait.SpinUntil(() => TemporaryFiles.Open.Any(size => size >= Watermark) && server.Worker.ThreadState.HasFlag(ThreadState.WaitSleepJoin), Patience),
        $"The worker does not wait: files of {string.Join(", ", TemporaryFiles.Open)} bytes, thread {server.Worker.ThreadState}");

    [Theory]
    [InlineData(null)]
    [InlineData(Long)]
    public async Task Send_ClientReadsLater_WaitsAtTheWatermarkAndGoesOn(int? declared)
    {
        var content = Content(Long);
        var written = 0L;
        await using var server = await EngineServer.StartAsync(
            exchange =>
            {
                Send(exchange, content, new Random(2), 200_000, declared);
                written = exchange.Response.Written;
            },
            Small);
        using var client = server.Connect(receiveBuffer: 65_536);
        client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        WaitUntilItWaits(server);
        Assert.Equal(0, written);
        var largest = 0L;
        var answer = client.Read(read: _ => largest = Math.Max(largest, TemporaryFiles.Open.DefaultIfEmpty().Max()));
        Assert.True(answer.Complete);
        Assert.True(content.AsSpan().SequenceEqual(answer.Body));
        Assert.InRange(largest, Watermark, Watermark + 65_536); // However long the answer.
        Assert.Equal(Long, written);
        TemporaryFiles.WaitForNone();
        TemporaryFiles.AssertFolderEmpty();
        Assert.Empty(await server.StopAsync());
    }

    [Fact]
    public async Task Send_ClientReadsLater_LeavesTheWorkerFreeBelowTheWatermark()
    {
        // Pending: what the kernel does not hold, at most all of it.
        var content = Content(Long);
        await using var server = await EngineServer.StartAsync(exchange => Send(exchange, content, new Random(2), 200_000), Small with { OutbufHighWatermark = 2 * Long });
        using var slow = server.Connect(receiveBuffer: 65_536);
        slow.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        using (var other = server.Connect())
            Assert.True(content.AsSpan().SequenceEqual(other.Get().Body)); // By the same thread, although nobody has read the first.
        Assert.True(content.AsSpan().SequenceEqual(slow.Read().Body));
        TemporaryFiles.WaitForNone();
    }

    [Fact]
    public async Task Send_SeveralSlowAnswersOnOneConnection_EachIsWhole()
    {
        var content = Content(Long);
        await using var server = await EngineServer.StartAsync(
            exchange => Send(exchange, exchange.Path == "/long" ? content : content[..10], new Random(3), 200_000), Small);
        using var client = server.Connect(receiveBuffer: 65_536);
        for (var i = 0; i < 2; i++)
        {
            client.Send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
            WaitUntilItWaits(server);
            Assert.True(content.AsSpan().SequenceEqual(client.Read().Body));
            TemporaryFiles.WaitForNone();
            var small = client.Get("/small");
            Assert.Equal(content[..10], small.Body);
            Assert.Equal("waitress", RawConnection.Field(small.Head, "Server"));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Send_ClientLeavesWhileTheWorkerWaits_ReleasesIt(bool reset)
    {
        var told = new TaskCompletionSource<bool>();
        var content = Content(Long);
        await using var server = await EngineServer.StartAsync(
            exchange =>
            {
                exchange.Response.Start(200, null);
                told.TrySetResult(exchange.Response.Send(content));
            },
            Small);
        using (var client = server.Connect(receiveBuffer: 65_536))
        {
            client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            WaitUntilItWaits(server);
            if (reset)
                client.Reset();
        }

        Assert.False(await told.Task.WaitAsync(Patience));
        TemporaryFiles.WaitForNone();
        Assert.True(SpinWait.SpinUntil(() => server.InFlight.Count == 0, Patience));
        Assert.Empty(await server.StopAsync());
    }

    [Fact]
    public async Task Send_RandomBlocksAndPaces_ArriveInOrder()
    {
        // Small limits and a reader that keeps up most of the time: the pipe changes hands between worker and pump all the time.
        var seed = Environment.TickCount;
        var content = Content(400_000);
        var settings = EngineServer.Loopback with { OutbufOverflow = 1, OutbufHighWatermark = 8192 };
        var blocks = new Random(seed);
        await using var server = await EngineServer.StartAsync(exchange => Send(exchange, content, blocks, blocks.Next(2, 40_000)), settings);
        using var client = server.Connect(receiveBuffer: 4096);
        client.Socket.ReceiveBufferSize = 4096;
        for (var i = 0; i < 60; i++)
            Assert.True(content.AsSpan().SequenceEqual(client.Get().Body), $"Not what was sent, in answer {i} with the seed {seed}");
        TemporaryFiles.WaitForNone();
        Assert.Empty(await server.StopAsync());
    }

    [Fact]
    public async Task Send_NotAsynchronous_WaitsForTheClientWithoutAFile()
    {
        var content = Content(Long);
        await using var server = await EngineServer.StartAsync(exchange => Send(exchange, content, new Random(2), 200_000), Small with { Asynchronous = false });
        using var client = server.Connect(receiveBuffer: 65_536);
        client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.True(SpinWait.SpinUntil(() => server.Worker.ThreadState.HasFlag(ThreadState.WaitSleepJoin) && server.InFlight.Count == 1, Patience));
        Assert.Empty(TemporaryFiles.Open);
        Assert.True(content.AsSpan().SequenceEqual(client.Read(read: _ => Assert.Empty(TemporaryFiles.Open)).Body));
    }
}
