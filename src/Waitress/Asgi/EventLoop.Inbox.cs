using System.Net.Sockets;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Asgi;

/// <summary>The inbox: what other threads post, and the wake-up. Any thread; never attached, apart from the loop's own.</summary>
internal sealed partial class EventLoop
{
    /// <summary>Hands a request to the app; any thread. Null, or why not.</summary>
    public Refusal? Add(Exchange exchange)
    {
        lock (_gate)
        {
            if (_closed)
                return Refusal.Stopping;
            if (_unanswered >= _most)
                return Refusal.TooManyAtOnce;
            Interlocked.Increment(ref _unanswered); // The loop takes away from it without the lock.
            _coming.Add(new Item(exchange, null, default));
        }

        Wake();
        return null;
    }

    /// <summary>Tells the loop what happened to a call; any thread.</summary>
    public void Post(AsgiCall call, LoopEvent what)
    {
        lock (_gate)
            _coming.Add(new Item(null, call, what));
        Wake();
    }

    /// <summary>The server stops: connections that would go on for ever are to be ended. Any thread.</summary>
    public void BeginStop()
    {
        lock (_gate)
            _stopping = true;
        Wake();
    }

    /// <summary>No request comes any more; any thread.</summary>
    public void Close()
    {
        lock (_gate)
            _closed = true;
        Wake();
    }

    private void Wake()
    {
        // One byte for all that is posted until the next drain.
        if (Interlocked.CompareExchange(ref _armed, TimeProvider.System.GetTimestamp(), 0) != 0)
            return;
        try
        {
            _wake.Send([1]);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Full: it wakes anyway. Disposed: nobody is there any more.
        }
    }

    private readonly record struct Item(Exchange? Request, AsgiCall? Call, LoopEvent What);
}
