using System.Net.Sockets;

namespace Waitress.Processes;

/// <summary>
/// A datagram socket pair per worker: a byte on it lets the worker look at the scoreboard again. Any process may send to any; the worker reads
/// its own receiving end. The pairs are the supervisor's, which gives them to the slot's next worker, so nothing here shuts or closes one: the
/// end of the process does.
/// </summary>
internal sealed class Wakers
{
    private static readonly byte[] Byte = [1];
    private readonly Socket?[] _sends;
    private readonly int _slot;
    private readonly byte[] _received = new byte[16];

    public Wakers(Handoff handoff)
    {
        _slot = handoff.Slot;
        Own = Take(handoff.Waker);
        _sends = [.. handoff.Wakers.Select(descriptor => descriptor < 0 ? null : Take(descriptor))];
    }

    /// <summary>The receiving end of this worker: readable when somebody sent a byte. It never waits.</summary>
    public Socket Own { get; }

    /// <summary>The other end of it. What is sent on <see cref="Own"/> arrives here, so a worker can talk to itself.</summary>
    public Socket Echo => _sends[_slot]!;

    /// <summary>Wakes the worker of a slot. One that has unread bytes is due to wake anyway, and one that is gone needs none.</summary>
    public void Wake(int slot)
    {
        if (slot < _sends.Length && _sends[slot] is { } socket)
            Send(socket);
    }

    /// <summary>Wakes this worker's own acceptor.</summary>
    public void WakeOwn() => Wake(_slot);

    /// <summary>Takes all bytes, which all mean the same.</summary>
    public void Clear()
    {
        try
        {
            while (Own.Receive(_received, SocketFlags.None, out var error) > 0 && error == SocketError.Success)
            {
            }
        }
        catch (SocketException)
        {
            // The other end is gone: there is nobody left to wake us.
        }
    }

    /// <summary>Sends one byte, or nothing where that would wait.</summary>
    public static void Send(Socket socket)
    {
        try
        {
            socket.Send(Byte, SocketFlags.None, out _);
        }
        catch (SocketException)
        {
        }
    }

    private static Socket Take(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: false)) { Blocking = false };
}
