// Transport: the sockets of an asynchronous app's connections, read and written on the event loop's own thread.
// Receives accepted sockets from the listeners; gives Kestrel connections. Promises what Kestrel's own socket transport does, without a thread
// between the kernel and the app: the loop waits for one descriptor, which is an epoll set of all sockets (it is readable when one of them is), and
// what follows from a read, up to the app's task, happens in that turn. Linux, and a process with one loop; elsewhere Kestrel's transport serves.
// Poll runs on the loop's thread, attached: nothing in it waits. When the loop has ended, a thread of ours goes on until the last
// connection has left. Connections are added, written to and closed by any thread.
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Waitress.Listening;

namespace Waitress.Transport;

/// <summary>All sockets of one event loop, and the epoll set that tells which of them have something.</summary>
/// <param name="writeBuffer">How many bytes a connection may hold for its client before a flush waits.</param>
internal sealed class Poller(long writeBuffer) : IDisposable
{
    // So many connections are seen to in one turn; the rest of them are told in the next. The loop's other events wait for so long.
    private const int MostPerTurn = 256;

    private readonly Lock _gate = new();
    private readonly EpollSet _set = new(MostPerTurn);
    private PolledConnection?[] _connections = new PolledConnection?[256]; // By descriptor. Replaced when it grows; changed under the lock.
    private int _count;
    private Thread? _successor; // Of the loop's thread.
    private bool _closed;

    /// <summary>Readable when there is something for <see cref="Poll"/>; ours to close.</summary>
    public int Descriptor => _set.Descriptor;

    /// <summary>The buffers of all connections.</summary>
    public TransportMemory Memory { get; } = new();

    /// <summary>How many bytes a connection may hold for its client before a flush waits.</summary>
    public long WriteBuffer => writeBuffer;

    /// <summary>Whether sockets wait for <see cref="Poll"/>. Any thread.</summary>
    public bool HasWaiting => _set.IsReady;

    /// <summary>A connection of that socket, which is its own from here on. Any thread.</summary>
    public PolledConnection Connect(Socket socket)
    {
        var connection = new PolledConnection(socket, this);
        lock (_gate)
        {
            var place = connection.Descriptor;
            if (place >= _connections.Length)
            {
                var wider = new PolledConnection?[Math.Max(place + 1, _connections.Length * 2)];
                _connections.CopyTo(wider, 0);
                Volatile.Write(ref _connections, wider);
            }

            _connections[place] = connection;
            _count++;
        }

        try
        {
            _set.Add(connection.Descriptor);
        }
        catch (SocketException)
        {
            Remove(connection);
            throw;
        }

        return connection;
    }

    /// <summary>Sees to the sockets that have something, for one turn of the loop.</summary>
    public void Poll() => Turn(waits: false);

    /// <summary>The loop has ended: what is left of the connections, which the server closes, needs nobody who runs Python.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (_closed || _successor is not null)
                return;
            var successor = new Thread(RunToTheEnd, 1024 * 1024) { IsBackground = true, Name = "waitress-poll" };
            successor.Start();
            _successor = successor;
        }
    }

    /// <summary>No loop and no server is left. A connection that is left all the same, its request stuck in the app, keeps the set.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            if (_successor is null && _count == 0)
                _set.Dispose();
        }
    }

    /// <summary>Tells the connection again what its socket has now: it stopped before it had seen to all. Its socket is open.</summary>
    internal void Rearm(PolledConnection connection) => _set.Rearm(connection.Descriptor);

    /// <summary>The connection has ended: its socket is about to be closed.</summary>
    internal void Remove(PolledConnection connection)
    {
        _set.Forget(connection.Descriptor);
        lock (_gate)
        {
            _connections[connection.Descriptor] = null;
            _count--;
        }
    }

    private void Turn(bool waits)
    {
        var count = _set.Wait(waits);
        var connections = Volatile.Read(ref _connections);
        for (var i = 0; i < count; i++)
        {
            // The descriptor may be another connection's by now, which then finds that there is nothing to read.
            var (descriptor, what) = _set[i];
            if (descriptor >= connections.Length || connections[descriptor] is not { } connection)
                continue;
            try
            {
                connection.Happened(what);
            }
            catch (Exception e)
            {
                // Its own end: what has happened to the others is told once, and has to be seen to.
                connection.Break(new ConnectionAbortedException("The connection could not be read or written", e));
            }
        }
    }

    private void RunToTheEnd()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_closed && _count == 0)
                {
                    _set.Dispose();
                    return;
                }
            }

            Turn(waits: true);
        }
    }
}
