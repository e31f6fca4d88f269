using Waitress.Http;

namespace Waitress.Workers;

/// <summary>
/// Exchanges that a worker has served and not yet completed, because it still holds the GIL. The worker completes them when
/// it detaches; when the next call of the app takes long, the watcher does it instead, so that no answer waits for another
/// request. The lock decides who.
/// </summary>
internal sealed class Outbox
{
    private readonly Lock _gate = new();
    private readonly List<Exchange> _waiting = [];
    private readonly List<Exchange> _leaving = [];

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _waiting.Count == 0;
        }
    }

    public void Add(Exchange exchange)
    {
        lock (_gate)
            _waiting.Add(exchange);
    }

    /// <summary>Completes all of them on this thread, which is detached. Called by the worker itself.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            _leaving.AddRange(_waiting);
            _waiting.Clear();
        }

        foreach (var exchange in _leaving)
            exchange.Complete();
        _leaving.Clear();
    }

    /// <summary>The same from the watcher's thread.</summary>
    public void Rescue()
    {
        Exchange[] late;
        lock (_gate)
        {
            if (_waiting.Count == 0)
                return;
            late = [.. _waiting];
            _waiting.Clear();
        }

        foreach (var exchange in late)
            exchange.Complete();
    }
}
