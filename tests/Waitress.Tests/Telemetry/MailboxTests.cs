using System.Net;
using System.Net.Sockets;
using Waitress.Telemetry;

namespace Waitress.Tests.Telemetry;

public sealed class MailboxTests : IDisposable
{
    private const int Capacity = 1024;

    private readonly Socket reader, writer;
    private readonly Mailbox log;

    public MailboxTests()
    {
        (reader, writer) = Connected();
        log = new Mailbox((int)writer.Handle);
    }

    /// <summary>What Python's socketpair() is there: two ends of one stream.</summary>
    internal static (Socket Reader, Socket Writer) Connected()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var writer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        writer.Connect(listener.LocalEndPoint!);
        return (listener.Accept(), writer);
    }

    public void Dispose()
    {
        log.Dispose();
        reader.Dispose();
        writer.Dispose();
    }

    /// <summary>The bytes so far: a byte of our own marks where they end.</summary>
    private int Wakes()
    {
        writer.Send([9]);
        var buffer = new byte[1];
        for (var count = 0; ; count++)
        {
            Assert.Equal(1, reader.Receive(buffer));
            if (buffer[0] == 9)
                return count;
        }
    }

    [Fact]
    public void Take_Posted_InOrderAndOnce()
    {
        log.Post(LogEvent.QueueDepth, 3);
        log.Post(LogEvent.AcceptFailed, "why");
        var taken = log.Take();
        Assert.Equal([LogEvent.QueueDepth, LogEvent.AcceptFailed], taken.Select(entry => entry.Event));
        Assert.Equal(["Task queue depth is 3", "why"], taken.Select(entry => entry.Text));
        Assert.Empty(log.Take());
    }

    [Fact]
    public void Post_Several_WakesOncePerTake()
    {
        for (var i = 0; i < 5; i++)
            log.Post(LogEvent.QueueDepth, i);
        Assert.Equal(1, Wakes());
        log.Take();
        Assert.Equal(0, Wakes());
        log.Post(LogEvent.QueueDepth, 1);
        Assert.Equal(1, Wakes());
    }

    [Fact]
    public void Post_Full_IsCountedAndTold()
    {
        for (var i = 0; i < Capacity + 7; i++)
            log.Post(LogEvent.QueueDepth, i);
        var taken = log.Take();
        Assert.Equal(Capacity + 1, taken.Count);
        Assert.Equal("Task queue depth is 1023", taken[Capacity - 1].Text);
        Assert.Equal(LogEvent.Lost, taken[Capacity].Event);
        Assert.StartsWith("7 log entries were lost", taken[Capacity].Text, StringComparison.Ordinal);
        log.Post(LogEvent.QueueDepth, 1);
        Assert.Equal("Task queue depth is 1", Assert.Single(log.Take()).Text);
    }

    [Fact]
    public void Post_FromManyThreads_LosesNothingBelowTheBound()
    {
        Parallel.For(0, 1000, i => log.Post(LogEvent.QueueDepth, i));
        Assert.Equal(1000, log.Take().Select(entry => entry.Text).Distinct().Count());
        Assert.Equal(1, Wakes());
    }

    [Fact]
    public void Post_ReaderGoneOrDisposed_DoesNotThrow()
    {
        reader.Dispose();
        for (var i = 0; i < 10; i++)
        {
            log.Post(LogEvent.QueueDepth, i);
            log.Take();
        }

        log.Dispose();
        log.Post(LogEvent.QueueDepth, 1);
        log.Wake();
        Assert.Single(log.Take());
    }

    [Fact]
    public void Wake_ReaderReadsNothing_NeverWaits()
    {
        for (var i = 0; i < 200_000; i++)
            log.Wake();
    }
}
