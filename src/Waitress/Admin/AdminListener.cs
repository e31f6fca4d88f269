using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Waitress.Listening;

namespace Waitress.Admin;

/// <summary>
/// Accepts on the admin's socket, on a thread of its own that polls. Not an asynchronous accept: two supervisors may hold the socket during an upgrade, and
/// one must be able to leave it to the other and to come back, which a wait in the kernel does not allow (<see cref="Acceptor"/>). The price is four
/// looks a second at a flag; a connection waits for none of them.
/// </summary>
internal sealed class AdminListener(ListenSocket socket, EndPoint endPoint, SocketConnectionContextFactory contexts, AdminConnections connections) : IConnectionListener
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    // Long enough not to spin while the process is out of descriptors, short enough to be back soon after.
    private static readonly TimeSpan OutOfDescriptorsWait = TimeSpan.FromSeconds(1);

    private readonly Channel<ConnectionContext> _accepted = Channel.CreateBounded<ConnectionContext>(AdminServer.MostConnections);
    private readonly ManualResetEventSlim _awake = new(initialState: true);
    private readonly ManualResetEventSlim _stop = new();
    private volatile bool _unlink = true;
    private int _started;

    /// <inheritdoc/>
    public EndPoint EndPoint => endPoint;

    /// <summary>Leaves the socket to another process, or comes back to it.</summary>
    public void Rest(bool resting)
    {
        if (resting)
            _awake.Reset();
        else
            _awake.Set();
    }

    /// <summary>At the stop the file of a unix socket is left to another process.</summary>
    public void LeaveFile() => _unlink = false;

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _started, 1) == 0)
            new Thread(Run, 256 * 1024) { IsBackground = true, Name = "waitress-admin" }.Start();
        while (await _accepted.Reader.WaitToReadAsync(CancellationToken.None))
        {
            if (_accepted.Reader.TryRead(out var connection))
                return connection;
        }

        return null;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        Stop();
        return default;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Stop();
        return default;
    }

    // The thread closes the socket, since it may be polling it. Nobody waits for that: the process may well end before.
    private void Stop()
    {
        if (_unlink)
            socket.RemoveFile();
        _stop.Set();
        _accepted.Writer.TryComplete();
        _awake.Set();
        if (Interlocked.Exchange(ref _started, 1) == 0)
            socket.Close(unlink: false);
    }

    private void Run()
    {
        while (!_stop.IsSet)
        {
            _awake.Wait();
            try
            {
                if (!_stop.IsSet && socket.Socket.Poll(Look, SelectMode.SelectRead))
                    Accept();
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.WouldBlock)
            {
                // That client has gone, or the other process was quicker.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                _stop.Wait(OutOfDescriptorsWait);
            }
        }

        socket.Close(unlink: false);
    }

    private void Accept()
    {
        socket.Socket.Blocking = false;
        var accepted = socket.Socket.Accept();
        if (accepted.AddressFamily != AddressFamily.Unix)
            accepted.NoDelay = true;
        var connection = contexts.Create(accepted);
        connections.Add(connection);
        if (!_accepted.Writer.TryWrite(connection))
            connection.Abort();
    }
}
