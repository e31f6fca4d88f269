using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Asgi;

/// <summary>The event loops of one server: one, or as many as interpreters or, on a free-threaded Python, workers. Any thread.</summary>
/// <param name="most">Requests that all together may have at once.</param>
internal sealed class EventLoops(int most)
{
    private readonly Lock _gate = new();
    private readonly Spread<Exchange, AsgiCall> _spread = new(most);
    private volatile EventLoop[] _loops = []; // Replaced, never changed.
    private (long Received, long Sent, long Stalls, long TimedOut) _former; // Of loops that have ended.

    public IReadOnlyList<EventLoop> All => _loops;

    public void Add(EventLoop loop)
    {
        lock (_gate)
            _loops = [.. _loops, loop];
        _spread.Add(loop.Inbox);
    }

    public void Remove(EventLoop loop)
    {
        _spread.Remove(loop.Inbox);
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
        return _spread.Enqueue(exchange);
    }

    /// <summary>That loop ends while the others go on: its requests are finished, its WebSockets are told to close, and it gets no more.</summary>
    public void Retire(EventLoop loop) => _spread.Retire(loop.Inbox);

    /// <summary>The server stops.</summary>
    public void BeginStop() => _spread.BeginStop();

    /// <summary>No request comes any more.</summary>
    public void Close() => _spread.Close();
}
