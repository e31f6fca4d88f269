using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Waitress.Processes;

namespace Waitress.Listening;

/// <summary>
/// Accepts from sockets that several processes share, on a thread of its own, which polls and looks at the others' load before each accept.
/// An asynchronous accept would not do: one that waits in the kernel can't be taken back when another worker becomes the one to accept,
/// and one that is cancelled may have accepted. Here a connection that was accepted is always handed on, and one that was not is left to the others.
/// </summary>
internal sealed class Acceptor(
    ConnectionGate gate, WorkerSlot slot, Func<Socket, ListenSocket, ConnectionContext?> connect, Action<string>? report)
    : IDisposable
{
    // How long connections wait at most for a worker that is the one to accept and does not (it hangs, and its heartbeat is still fresh).
    private static readonly TimeSpan Recheck = TimeSpan.FromMilliseconds(250);

    // And for one that may just now be waking up.
    private static readonly TimeSpan LastChance = TimeSpan.FromMilliseconds(20);

    // Long enough not to spin while the process is out of descriptors, short enough to be back soon after.
    private static readonly TimeSpan OutOfDescriptorsWait = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<(ListenSocket Socket, SharedListener Listener)> _listeners = [];
    private readonly List<Socket> _ready = [];
    private Thread? _thread;
    private volatile bool _stopping;
    private volatile bool _leaving;

    /// <summary>Adds a socket; before the first <see cref="Start"/>.</summary>
    public SharedListener Add(ListenSocket socket, EndPoint endPoint)
    {
        var listener = new SharedListener(endPoint, this);
        _listeners.Add((socket, listener));
        return listener;
    }

    /// <summary>Begins to accept: when Kestrel has all listeners.</summary>
    public void Start()
    {
        lock (_lock)
        {
            if (_stopping || _thread is not null)
                return;
            _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = "waitress-accept" };
            _thread.Start();
        }
    }

    /// <summary>At the stop the backlog is left to the other workers, which go on serving. To be called before <see cref="Stop"/>.</summary>
    public void LeaveBacklog() => _leaving = true;

    /// <summary>Ends the accepting; the thread takes the backlog first unless it is left to the others. Returns at once.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            if (_stopping)
                return;
            _stopping = true;
            if (_thread is null)
                Close();
        }

        slot.Wakers.WakeOwn();
    }

    /// <summary>Stops, and waits until no call is in the sockets any more.</summary>
    public void Dispose()
    {
        Stop();
        _thread?.Join();
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                if (MayAccept() && Poll(Recheck))
                    AcceptReady();
            }

            if (!_leaving)
                Drain();
        }
        catch (Exception e)
        {
            // A bug must not leave a worker behind that looks healthy and accepts nothing: the others and the supervisor see a fault.
            report?.Invoke($"The accepting has ended: {e}");
            slot.BeginDrain();
        }

        Close();
    }

    // False after a wait: look again.
    private bool MayAccept()
    {
        if (gate.IsFull)
        {
            slot.Pause(true);
            slot.WaitWhile(() => gate.IsFull && !_stopping, Recheck);
            slot.Pause(false);
            return false;
        }

        if (slot.Balance.MayAccept())
            return true;
        slot.Want(true);
        slot.Balance.BeginWait();
        // Somebody else is the one to accept. If it does not, all this time, while connections are there, they are ours.
        if (!WaitForTurn(Recheck) && Poll(TimeSpan.Zero) && !WaitForTurn(LastChance) && Poll(TimeSpan.Zero))
            slot.Balance.Distrust();
        slot.Want(false);
        return false;
    }

    private bool WaitForTurn(TimeSpan atMost) => slot.WaitWhile(() => !_stopping && !slot.Balance.MayAccept(), atMost);

    private bool Poll(TimeSpan atMost)
    {
        _ready.Clear();
        _ready.Add(slot.Wakers.Own);
        foreach (var (socket, _) in _listeners)
            _ready.Add(socket.Socket);
        Socket.Select(_ready, null, null, atMost);
        if (!_ready.Remove(slot.Wakers.Own))
            return _ready.Count > 0;
        slot.Wakers.Clear();
        return _ready.Count > 0;
    }

    private void AcceptReady()
    {
        foreach (var (socket, listener) in _listeners)
        {
            if (_stopping || gate.IsFull || !slot.Balance.MayAccept())
                return;
            if (_ready.Contains(socket.Socket))
                TryAccept(socket, listener);
        }
    }

    private void Drain()
    {
        foreach (var (socket, listener) in _listeners)
        {
            while (TryAccept(socket, listener))
            {
            }
        }
    }

    // One connection, without waiting: another process may have been quicker. The limit was looked at by this thread, the only one that enters.
    private bool TryAccept(ListenSocket socket, SharedListener listener)
    {
        try
        {
            socket.Socket.Blocking = false;
            var accepted = socket.Socket.Accept();
            gate.ForceEnter();
            if (connect(accepted, socket) is { } connection)
                listener.Add(connection);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.Interrupted)
        {
            return true; // That client has gone; the next one may be there.
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            return false;
        }
        catch (SocketException e)
        {
            report?.Invoke($"Cannot accept on {socket.Url}: {BindError.Describe(e)}");
            Rest();
            return false;
        }
    }

    private void Rest()
    {
        if (_stopping)
            return;
        slot.Pause(true);
        slot.Wakers.Own.Poll(OutOfDescriptorsWait, SelectMode.SelectRead);
        slot.Pause(false);
    }

    private void Close()
    {
        foreach (var (socket, listener) in _listeners)
        {
            listener.Complete();
            socket.Dispose();
        }
    }
}
