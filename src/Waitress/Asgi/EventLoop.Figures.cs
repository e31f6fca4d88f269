namespace Waitress.Asgi;

/// <summary>What an event loop counts; read by any thread.</summary>
internal sealed partial class EventLoop
{
    private long _messagesReceived, _messagesSent; // Written by the loop's thread alone.
    private int _sockets, _stallTold;
    private long _stalls;

    /// <summary>WebSockets that are open.</summary>
    public int Sockets => Volatile.Read(ref _sockets);

    /// <summary>Messages of WebSockets that the app was given, and that it sent.</summary>
    public (long Received, long Sent) Messages => (Volatile.Read(ref _messagesReceived), Volatile.Read(ref _messagesSent));

    /// <summary>How often it stood still.</summary>
    public long Stalls => Volatile.Read(ref _stalls);

    /// <summary>True once for each time that the loop stands still.</summary>
    public bool TellStall()
    {
        if (Interlocked.Exchange(ref _stallTold, 1) != 0)
            return false;
        Interlocked.Increment(ref _stalls);
        return true;
    }

    /// <summary>One WebSocket more or less is open.</summary>
    public void CountSocket(int difference) => Interlocked.Add(ref _sockets, difference);

    /// <summary>The app was given a message of a WebSocket, or has sent one.</summary>
    public void CountMessage(bool isSent)
    {
        if (isSent)
            Volatile.Write(ref _messagesSent, _messagesSent + 1);
        else
            Volatile.Write(ref _messagesReceived, _messagesReceived + 1);
    }
}
