using Waitress.Http;

namespace Waitress.Workers;

/// <summary>
/// Exchanges that a worker has served and not yet completed, because it still holds the GIL. The worker completes them when
/// it detaches; when the next call of the app takes long, the watcher does it instead, so that no answer waits for another
/// request. The lock decides who.
/// </summary>
internal sealed class Outbox
{
    private readonly Lock gate = new();
    private readonly List<Exchange> waiting = [];
    private readonly List<Exchange> leaving = [];

    public bool IsEmpty
    {
        get
        {
            lock (gate)
                return waiting.Count == 0;
        }
    }

    public void Add(Exchange exchange)
    {
        lock (gate)
            waiting.Add(exchange);
    }

    /// <summary>Completes all of them on this thread, which is detached. Called by the worker itself.</summary>
    public void Flush()
    {
        lock (gate)
        {
            leaving.AddRange(waiting);
            waiting.Clear();
        }

        foreach (var exchange in leaving)
            exchange.Complete();
        leaving.Clear();
    }

    /// <summary>The same from the watcher's thread.</summary>
    public void Rescue()
    {
        Exchange[] late;
        lock (gate)
        {
            if (waiting.Count == 0)
                return;
            late = [.. waiting];
            waiting.Clear();
        }

        foreach (var exchange in late)
            exchange.Complete();
    }
}
