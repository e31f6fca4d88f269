using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Asgi;

/// <summary>The event loops of one server: usually one, as many as interpreters or free threads else. Any thread.</summary>
internal sealed class EventLoops
{
    private readonly Lock _gate = new();
    private volatile EventLoop[] _loops = []; // Replaced, never changed.
    private bool _closed;
    private (long Received, long Sent, long Stalls, long TimedOut) _former; // Of loops that have ended.

    public IReadOnlyList<EventLoop> All => _loops;

    public void Add(EventLoop loop)
    {
        lock (_gate)
        {
            _loops = [.. _loops, loop];
            if (_closed)
                loop.Close();
        }
    }

    public void Remove(EventLoop loop)
    {
        lock (_gate)
        {
            _loops = [.. _loops.Where(other => other != loop)];
            _former = Plus(_former, loop);
        }
    }

    /// <summary>What all have counted, those that have ended included.</summary>
    public (long Received, long Sent, long Stalls, long TimedOut) Sums
    {
        get
        {
            lock (_gate)
                return _loops.Aggregate(_former, Plus);
        }
    }

    private static (long Received, long Sent, long Stalls, long TimedOut) Plus((long Received, long Sent, long Stalls, long TimedOut) sums, EventLoop loop)
    {
        var (received, sent) = loop.Messages;
        return (sums.Received + received, sums.Sent + sent, sums.Stalls + loop.Stalls, sums.TimedOut + loop.TimedOut);
    }

    /// <summary>Hands the request to the loop that has the fewest. Null, or why there is none for it.</summary>
    public Refusal? Enqueue(Exchange exchange)
    {
        if (exchange.AsksForWebSocket && WebSocketHandshake.Check(exchange.Request.Headers, exchange.IsMultiplexed) is { } refusal)
            return refusal;
        EventLoop? chosen = null;
        foreach (var loop in _loops)
        {
            if (chosen is null || loop.Unanswered < chosen.Unanswered)
                chosen = loop;
        }

        return chosen is null ? Refusal.Stopping : chosen.Add(exchange);
    }

    /// <summary>The server stops.</summary>
    public void BeginStop()
    {
        foreach (var loop in _loops)
            loop.BeginStop();
    }

    /// <summary>No request comes any more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            foreach (var loop in _loops)
                loop.Close();
        }
    }
}
