using Waitress.Guards;

namespace Waitress.Asgi;

/// <summary>
/// Who of several event loops gets a request: the one that has the fewest, WebSockets counted as long as they are open; among equals by turns. It
/// stays there. The loops may be of one interpreter or of several; this knows no difference. Any thread.
/// </summary>
/// <typeparam name="TRequest">As in <see cref="LoopInbox{TRequest, TCall}"/>.</typeparam>
/// <typeparam name="TCall">The same.</typeparam>
/// <param name="most">How many requests all loops together may have at once (limit_concurrency).</param>
internal sealed class Spread<TRequest, TCall>(int most = int.MaxValue)
    where TRequest : class
    where TCall : class
{
    private readonly Lock _gate = new();
    private readonly List<LoopInbox<TRequest, TCall>> _inboxes = [];
    private readonly HashSet<LoopInbox<TRequest, TCall>> _retired = []; // They still count for the limit.
    private int _next;
    private bool _closed;
    private volatile LoopInbox<TRequest, TCall>? _only; // While there is one, and no limit: then nothing has to be chosen.

    public void Add(LoopInbox<TRequest, TCall> inbox)
    {
        lock (_gate)
        {
            _inboxes.Add(inbox);
            _only = _inboxes.Count == 1 && most == int.MaxValue ? inbox : null;
            if (_closed)
                inbox.Close();
        }
    }

    public void Remove(LoopInbox<TRequest, TCall> inbox)
    {
        lock (_gate)
        {
            _inboxes.Remove(inbox);
            _retired.Remove(inbox);
            _only = null;
        }
    }

    /// <summary>One loop ends while the others go on: what comes from here on is theirs.</summary>
    public void Retire(LoopInbox<TRequest, TCall> inbox)
    {
        lock (_gate)
            _retired.Add(inbox);
        inbox.BeginStop();
        inbox.Close();
    }

    /// <summary>Null, or why no loop takes the request.</summary>
    public Refusal? Enqueue(TRequest request)
    {
        if (_only is { } only)
            return only.TryAdd(request) ? null : Refusal.Stopping;
        lock (_gate)
        {
            // Under the lock, so that the limit is exact; requests end without it, which only makes room.
            if (most != int.MaxValue && _inboxes.Sum(inbox => inbox.Open) >= most)
                return Refusal.TooManyAtOnce;
            while (Choose() is { } chosen)
            {
                if (chosen.TryAdd(request))
                    return null;
                _retired.Add(chosen); // It has ended by itself.
            }
        }

        return Refusal.Stopping;
    }

    /// <summary>The server stops.</summary>
    public void BeginStop()
    {
        lock (_gate)
            _inboxes.ForEach(inbox => inbox.BeginStop());
    }

    /// <summary>No request comes any more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _inboxes.ForEach(inbox => inbox.Close());
        }
    }

    private LoopInbox<TRequest, TCall>? Choose()
    {
        LoopInbox<TRequest, TCall>? chosen = null;
        var (fewest, place) = (int.MaxValue, 0);
        for (var offset = 0; offset < _inboxes.Count; offset++)
        {
            var at = (_next + offset) % _inboxes.Count;
            var inbox = _inboxes[at];
            if (inbox.Open is var open && open < fewest && !_retired.Contains(inbox))
                (chosen, fewest, place) = (inbox, open, at);
        }

        _next = place + 1;
        return chosen;
    }
}
