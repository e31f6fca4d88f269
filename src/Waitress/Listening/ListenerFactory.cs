using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Metrics;
using Waitress.Processes;
using Waitress.Transport;

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
    private readonly long _leastPerSecond;
    private readonly ClientGuard? _clients;
    private readonly Action<string>? _report;
    private readonly Acceptor? _acceptor;

    /// <param name="settings">For the size of the output buffer (<c>outbuf_overflow</c>).</param>
    /// <param name="gate">The connection limit, shared by all sockets of the server.</param>
    /// <param name="logs">Where the socket transport logs.</param>
    /// <param name="report">Told one line for an accept that failed for a reason of this machine.</param>
    /// <param name="slot">This worker's, for sockets that are shared with other processes.</param>
    /// <param name="clients">Who may connect; null: everybody.</param>
    public ListenerFactory(
        Settings settings, ConnectionGate gate, ILoggerFactory logs, Action<string>? report = null, WorkerSlot? slot = null, ClientGuard? clients = null)
    {
        _clients = clients;
        _gate = gate;
        _patience = TimeSpan.FromSeconds(Math.Max(1, settings.ChannelTimeout));
        _leastPerSecond = settings.MinResponseRate;
        _report = report;
        WriteBuffer = Math.Max(settings.OutbufOverflow, SmallestWriteBuffer);
        var options = new SocketConnectionFactoryOptions
        {
            // Without hops between threads a request costs half (ARCHITECTURE, "What the prototype showed about speed"); nothing that
            // runs inline here waits, as the app runs on threads of its own.
            UnsafePreferInlineScheduling = true,
            IOQueueCount = 1,
            // An idle keep-alive connection holds no receive buffer.
            WaitForDataBeforeAllocatingBuffer = true,
            MaxWriteBufferSize = WriteBuffer,
        };
        TransportMemory.UseIn(options);
        _contexts = new SocketConnectionContextFactory(options, logs.CreateLogger("Waitress.Listening"));
        _acceptor = slot is null ? null : new Acceptor(gate, slot, Connect, report);
    }

    /// <summary>How many bytes a connection may hold for its client before a flush waits.</summary>
    public long WriteBuffer { get; }

    /// <summary>Where the connections of sockets without TLS are read and written from now on; null: by Kestrel's socket transport.</summary>
    public Poller? Poller { get; set; }

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is ListenEndPoint or HandedEndPoint;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new(endpoint is ListenEndPoint listen ? Listen(listen.Socket, endpoint) : new HandedListener(endpoint));

    /// <summary>Begins to accept from shared sockets, when Kestrel has bound all; the others begin with Kestrel.</summary>
    public void Start() => _acceptor?.Start();

    /// <summary>At the stop, which follows, what waits in the backlog of shared sockets is left to the workers that go on.</summary>
    public void LeaveBacklog() => _acceptor?.LeaveBacklog();

    /// <inheritdoc/>
    public void Dispose()
    {
        _acceptor?.Dispose();
        _contexts.Dispose();
    }

    private IConnectionListener Listen(ListenSocket socket, EndPoint endPoint) => socket.IsShared
        ? _acceptor!.Add(socket, endPoint)
        : new Listener(socket, endPoint, _gate, Connect, _report);

    // A handshake of TLS is too much work for a loop's thread.
    private ConnectionContext Context(Socket accepted, ListenSocket from) =>
        Poller is { } poller && !from.IsTls ? poller.Connect(accepted) : _contexts.Create(accepted);

    // The place in the gate is taken; it is given back here if the client has gone before its connection could be set up.
    private GatedConnection? Connect(Socket accepted, ListenSocket from)
    {
        IDisposable? place = null;
        try
        {
            if (_clients?.Admits(accepted.RemoteEndPoint, out place) == false)
            {
                // By a reset, which leaves nothing behind here: a close would keep the address pair for a minute (TIME_WAIT).
                accepted.LingerState = new LingerOption(enable: true, seconds: 0);
                accepted.Dispose();
                _gate.Leave();
                return null;
            }

            if (accepted.AddressFamily != AddressFamily.Unix)
                accepted.NoDelay = true;
            var connection = new GatedConnection(Context(accepted, from), _gate, _patience, _leastPerSecond, place);
            // An accepted unix socket does not know its path; SERVER_PORT is that path.
            connection.LocalEndPoint ??= from.Socket.LocalEndPoint;
            return connection;
        }
        catch (SocketException)
        {
            place?.Dispose();
            accepted.Dispose();
            _gate.Refuse(ConnectionRefusals.Gone);
            return null;
        }
    }
}
