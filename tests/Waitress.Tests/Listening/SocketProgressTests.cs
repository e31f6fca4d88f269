using System.Net;
using System.Net.Sockets;
using Waitress.Listening;

namespace Waitress.Tests.Listening;

/// <summary>Over a real unix socket: what the kernel tells of it is the whole matter.</summary>
public sealed class SocketProgressTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(64);

    private readonly string _directory = Directory.CreateTempSubdirectory("w").FullName;
    private readonly ManualTime _time = new();
    private readonly TaskCompletionSource _work = new();
    private readonly Socket _reader = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Socket _writer;

    public SocketProgressTests()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var path = new UnixDomainSocketEndPoint(Path.Combine(_directory, "s"));
        listener.Bind(path);
        listener.Listen(1);
        _reader.Connect(path);
        _writer = listener.Accept();
        _writer.Blocking = false;
        _writer.SendBufferSize = 200_000; // The kernel doubles it: room for ten of its blocks, more than the test reads.
        Fill();
    }

    public void Dispose()
    {
        _reader.Dispose();
        _writer.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Wait_WhileAUnixPeerReads_GoesOnAndEndsWhenItStops(bool refill)
    {
        if (!OperatingSystem.IsLinux())
            return; // No figure there.
        var waiting = SocketProgress.WaitAsync(_work.Task, _writer, s_patience, 0, _time).AsTask();
        var refills = 0;
        for (var turn = 0; turn < (refill ? 30 : 4); turn++)
        {
            Read(40_000); // One of the kernel's blocks at least.
            // As the transport sends: the system tells when three quarters of the queue are free. Here and not in a SendAsync, which may
            // rest between two sends for as long as a read takes: then it puts back exactly what was read, and nobody can see it.
            if (refill && _writer.Poll(0, SelectMode.SelectWrite))
            {
                Fill();
                refills++;
            }

            Pass(waiting, 0.9);
            Assert.False(waiting.IsCompleted);
        }

        Assert.Equal(refill, refills > 0);
        Pass(waiting, 1.1);
        Assert.False(await waiting.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Wait_WorkEnds_IsTrue()
    {
        var waiting = SocketProgress.WaitAsync(_work.Task, _writer, s_patience, 0, _time).AsTask();
        Pass(waiting, 0.5);
        Assert.False(waiting.IsCompleted);
        _work.SetResult();
        Assert.True(await waiting.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    /// <summary>Over TCP, where the figure is the bytes that the peer has taken: 64 KiB of them in all, at the beginning.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(10, false)]
    [InlineData(100_000, true)]
    public async Task Wait_TcpPeerTakesTooLittle_EndsAfterThePatience(long least, bool isTooLittle)
    {
        if (!OperatingSystem.IsLinux())
            return;
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var reader = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        reader.Connect(listener.LocalEndPoint!);
        using var writer = listener.Accept();
        var before = SocketProgress.Figure(writer);
        var waiting = SocketProgress.WaitAsync(_work.Task, writer, s_patience, least, _time).AsTask();
        writer.Send(new byte[65_536]);
        Assert.True(SpinWait.SpinUntil(() => SocketProgress.Figure(writer) - before >= 65_536, TimeSpan.FromSeconds(20)));
        Pass(waiting, 0.9);
        Assert.False(waiting.IsCompleted);
        Pass(waiting, 0.2);
        Assert.Equal(isTooLittle, waiting.IsCompleted);
        Pass(waiting, 0.9);
        Assert.False(await waiting.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Wait_WithoutAFigure_EndsAfterThePatience()
    {
        var waiting = SocketProgress.WaitAsync(_work.Task, null, s_patience, 0, _time).AsTask();
        Pass(waiting, 0.9);
        Assert.False(waiting.IsCompleted);
        Pass(waiting, 0.2);
        Assert.False(await waiting.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void Figure_OfAClosedSocket_IsNone()
    {
        _writer.Dispose();
        Assert.Null(SocketProgress.Figure(_writer));
    }

    // In small steps, as a clock goes, each only when the wait has begun its next look.
    private void Pass(Task waiting, double share)
    {
        for (var passed = TimeSpan.Zero; passed < s_patience * share; passed += TimeSpan.FromSeconds(0.5))
        {
            Assert.True(SpinWait.SpinUntil(() => _time.Timers > 0 || waiting.IsCompleted, TimeSpan.FromSeconds(20)));
            _time.Advance(TimeSpan.FromSeconds(0.5));
        }

        Assert.True(SpinWait.SpinUntil(() => _time.Timers > 0 || waiting.IsCompleted, TimeSpan.FromSeconds(20)));
    }

    private void Fill()
    {
        var bytes = new byte[1 << 20];
        while (true)
        {
            _writer.Send(bytes, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
                return;
        }
    }

    private void Read(int count)
    {
        var buffer = new byte[count];
        for (var read = 0; read < count;)
            read += _reader.Receive(buffer.AsSpan(read));
    }
}
