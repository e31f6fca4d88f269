using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Waitress.Configuration;

namespace Waitress.Listening;

/// <summary>
/// Kestrel's transport: binds nothing itself, but serves the sockets that <see cref="ListenSockets.Open"/> opened, each wrapped in a
/// <see cref="ListenEndPoint"/>. Dispose it after the server.
/// </summary>
internal sealed class ListenerFactory : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    // A pool of buffers smaller than this would pause the sender between the status line and the body of a small response.
    private const long SmallestWriteBuffer = 4096;

    private readonly SocketConnectionContextFactory _contexts;
    private readonly ConnectionGate _gate;
    private readonly TimeSpan _patience;
    private readonly Action<string>? _report;

    /// <param name="settings">For the size of the output buffer (<c>outbuf_overflow</c>).</param>
    /// <param name="gate">The connection limit, shared by all sockets of the server.</param>
    /// <param name="logs">Where the socket transport logs.</param>
    /// <param name="report">Told one line for an accept that failed for a reason of this machine.</param>
    public ListenerFactory(Settings settings, ConnectionGate gate, ILoggerFactory logs, Action<string>? report = null)
    {
        _gate = gate;
        _patience = TimeSpan.FromSeconds(Math.Max(1, settings.ChannelTimeout));
        _report = report;
        var options = new SocketConnectionFactoryOptions
        {
            // Without hops between threads a request costs half (ARCHITECTURE, "What the prototype showed about speed"); nothing that
            // runs inline here waits, as the app runs on threads of its own.
            UnsafePreferInlineScheduling = true,
            IOQueueCount = 1,
            // An idle keep-alive connection holds no receive buffer.
            WaitForDataBeforeAllocatingBuffer = true,
            MaxWriteBufferSize = Math.Max(settings.OutbufOverflow, SmallestWriteBuffer),
        };
        TransportMemory.UseIn(options);
        _contexts = new SocketConnectionContextFactory(options, logs.CreateLogger("Waitress.Listening"));
    }

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is ListenEndPoint;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new(new Listener(((ListenEndPoint)endpoint).Socket, endpoint, _gate, _contexts, _patience, _report));

    /// <inheritdoc/>
    public void Dispose() => _contexts.Dispose();
}
