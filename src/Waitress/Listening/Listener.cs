using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Waitress.Listening;

/// <summary>
/// Accepts connections of one <see cref="ListenSocket"/> for Kestrel. Kestrel calls <see cref="AcceptAsync"/> from one loop and
/// <see cref="UnbindAsync"/> from the stopping thread. No failed accept ends the loop: only unbinding does.
/// </summary>
internal sealed class Listener(
    ListenSocket socket, EndPoint endPoint, ConnectionGate gate, Func<Socket, ListenSocket, ConnectionContext?> connect, Action<string>? report)
    : IConnectionListener
{
    // Long enough not to spin while the process is out of descriptors, short enough to be back soon after.
    private static readonly TimeSpan OutOfDescriptorsWait = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _unbound = new();
    private bool _closed;

    /// <inheritdoc/>
    public EndPoint EndPoint => endPoint;

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_unbound.IsCancellationRequested)
        {
            try
            {
                await gate.RoomAsync(_unbound.Token);
                var accepted = await socket.Socket.AcceptAsync(_unbound.Token);
                // Two listeners that wait for the one free place may both accept: the later one holds its connection back.
                while (!gate.TryEnter())
                {
                    if (!await RoomOrUnboundAsync())
                    {
                        gate.ForceEnter();
                        break;
                    }
                }

                if (connect(accepted, socket) is { } connection)
                    return connection;
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }
            catch (SocketException e)
            {
                await AfterErrorAsync(e);
            }
        }

        return Drain();
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        // The accept loop wakes, drains and closes; Kestrel waits for it before it closes connections.
        _unbound.Cancel();
        return default;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _unbound.Cancel();
        Close();
        _unbound.Dispose();
        return default;
    }

    // What the kernel accepted before the stop belongs to us: its clients have connected and may have sent their request. The limit
    // does not hold them back, as the places are freed only after this loop has ended; the backlog bounds their number.
    private ConnectionContext? Drain()
    {
        while (!_closed)
        {
            try
            {
                socket.Socket.Blocking = false;
                var accepted = socket.Socket.Accept();
                gate.ForceEnter();
                if (connect(accepted, socket) is { } connection)
                    return connection;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionAborted)
            {
                // That client has gone; the next one may be there.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                Close();
            }
        }

        return null;
    }

    private async Task<bool> RoomOrUnboundAsync()
    {
        try
        {
            await gate.RoomAsync(_unbound.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task AfterErrorAsync(SocketException error)
    {
        // The client left before it was accepted, or a signal came: nothing to wait for.
        if (error.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.Interrupted)
            return;
        report?.Invoke($"Cannot accept on {socket.Url}: {BindError.Describe(error)}");
        try
        {
            await gate.LeaveAsync(OutOfDescriptorsWait, _unbound.Token);
        }
        catch (OperationCanceledException)
        {
            // Unbound while waiting; the loop sees it.
        }
    }

    private void Close()
    {
        _closed = true;
        socket.Dispose();
    }
}
