using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Waitress.Transport;

namespace Waitress.Tests.Transport;

/// <summary>A polled connection and its client. The poller's own thread polls, unless the test is to.</summary>
internal sealed class SocketPair : IAsyncDisposable
{
    public const int WriteBuffer = 65_536;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly bool _isOwn;

    private SocketPair(Socket client, Socket accepted, bool polls, Poller? poller)
    {
        Client = client;
        _isOwn = poller is null;
        Poller = poller ?? new Poller(WriteBuffer);
        if (polls)
            Poller.Leave();
        Connection = Poller.Connect(accepted);
    }

    public Socket Client { get; }

    public Poller Poller { get; }

    public PolledConnection Connection { get; }

    public PipeReader Input => Connection.Transport.Input;

    public PipeWriter Output => Connection.Transport.Output;

    public static async Task<SocketPair> OpenAsync(bool polls = true, bool unix = false, int buffers = 0, Poller? poller = null)
    {
        var path = unix ? Path.Combine(Path.GetTempPath(), $"waitress-{Guid.NewGuid():N}.sock") : "";
        EndPoint at = unix ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, 0);
        using var listener = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(at);
        listener.Listen();
        var client = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        if (buffers > 0)
            client.ReceiveBufferSize = buffers;
        await client.ConnectAsync(listener.LocalEndPoint!);
        var accepted = await listener.AcceptAsync();
        if (buffers > 0)
            accepted.SendBufferSize = buffers;
        if (unix)
            File.Delete(path);
        return new SocketPair(client, accepted, polls, poller);
    }

    public async Task<byte[]> ReceiveAsync(int count)
    {
        using var patience = new CancellationTokenSource(Patience);
        var all = new byte[count];
        for (var got = 0; got < count;)
        {
            var more = await Client.ReceiveAsync(all.AsMemory(got), patience.Token);
            Assert.NotEqual(0, more);
            got += more;
        }

        return all;
    }

    public static async Task<T> InTime<T>(ValueTask<T> work) => await work.AsTask().WaitAsync(Patience);

    public static Task InTime(Task work) => work.WaitAsync(Patience);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Connection.Abort();
        await Connection.DisposeAsync();
        if (_isOwn)
            Poller.Dispose();
    }
}
