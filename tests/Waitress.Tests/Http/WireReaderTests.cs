using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Waitress.Http;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.Http;

/// <summary>A wire whose transport is a pipe of the test's: what the socket holds and what was read from it are then two things.</summary>
public sealed class WireReaderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CancelPendingRead_BetweenRequests_ComesAfterTheGraceUnlessBytesWaitInTheSocket(bool waiting)
    {
        var time = new ManualTime();
        var (near, far) = MailboxTests.Connected();
        var connection = new Connection(near);
        await Wired(time, async input =>
        {
            if (waiting)
            {
                far.Send("G"u8);
                Assert.True(SpinWait.SpinUntil(() => near.Available > 0, TimeSpan.FromSeconds(20)));
            }

            var read = input.ReadAsync().AsTask();
            input.CancelPendingRead();
            Assert.False(read.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(SpinWait.SpinUntil(() => connection.Looks > 0, TimeSpan.FromSeconds(20)));
            if (waiting)
                await connection.ReceiveAsync("G"u8.ToArray()); // As the transport does in the end.
            Assert.Equal(!waiting, (await read.WaitAsync(TimeSpan.FromSeconds(20))).IsCanceled);
        })(connection);
        near.Dispose();
        far.Dispose();
    }

    [Theory]
    [InlineData("head", false)]
    [InlineData("headnext", true)]
    public async Task HasMore_BehindARequest_IsWhatTheClientHasSentAhead(string received, bool expected)
    {
        var (near, far) = MailboxTests.Connected();
        var connection = new Connection(near);
        await Wired(new ManualTime(), async input =>
        {
            await connection.ReceiveAsync(Encoding.ASCII.GetBytes(received));
            var read = await input.ReadAsync();
            input.AdvanceTo(read.Buffer.GetPosition("head".Length));
            Assert.Equal(expected, ((WireReader)input).HasMore);

            // Asking takes nothing, and delays nothing.
            await connection.ReceiveAsync("!"u8.ToArray());
            read = await input.ReadAsync();
            Assert.Equal(received["head".Length..] + "!", Encoding.ASCII.GetString(read.Buffer.ToArray()));
            input.AdvanceTo(read.Buffer.End);
        })(connection);
        near.Dispose();
        far.Dispose();
    }

    [Fact]
    public async Task HasMore_WhileSomebodyReads_IsTakenForGranted()
    {
        var (near, far) = MailboxTests.Connected();
        var connection = new Connection(near);
        await Wired(new ManualTime(), async input =>
        {
            var read = input.ReadAsync().AsTask();
            Assert.True(((WireReader)input).HasMore);
            await connection.ReceiveAsync("!"u8.ToArray());
            input.AdvanceTo((await read).Buffer.End);
        })(connection);
        near.Dispose();
        far.Dispose();
    }

    private static ConnectionDelegate Wired(ManualTime time, Func<PipeReader, Task> kestrel)
    {
        var options = new KestrelServerOptions();
        ListenOptions? endPoint = null;
        options.Listen(new IPEndPoint(IPAddress.Loopback, 0), made => endPoint = made);
        WireGuard.Use(endPoint!, new WireOptions("waitress", time, new KestrelLog((_, _, _) => { }), _ => { }));
        endPoint!.Use(_ => connection => kestrel(connection.Transport.Input));
        return ((IConnectionBuilder)endPoint).Build();
    }

    private sealed class Connection : DefaultConnectionContext, IConnectionSocketFeature, IConnectionLifetimeNotificationFeature
    {
        private readonly Pipe _received = new(), _sent = new();
        private readonly Socket _socket;
        private int _looks;

        public Connection(Socket socket)
            : base("one")
        {
            _socket = socket;
            Transport = new Duplex(_received.Reader, _sent.Writer);
            Features.Set<IConnectionSocketFeature>(this);
            Features.Set<IConnectionLifetimeNotificationFeature>(this);
        }

        /// <summary>How often somebody has asked for the socket.</summary>
        public int Looks => Volatile.Read(ref _looks);

        public Socket Socket
        {
            get
            {
                Interlocked.Increment(ref _looks);
                return _socket;
            }
        }

        public CancellationToken ConnectionClosedRequested { get; set; }

        public ValueTask<FlushResult> ReceiveAsync(byte[] bytes) => _received.Writer.WriteAsync(bytes);

        public void RequestClose()
        {
        }
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
