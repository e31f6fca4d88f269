using Waitress.Http;

namespace Waitress.Asgi;

/// <summary>
/// The inbox of an event loop: what other threads post, how much the loop has, and its wake-up: one for all that is posted until the loop rests
/// again. Any thread, never attached, apart from the loop's own, which alone calls <see cref="Take"/> and <see cref="TryRest"/>.
/// </summary>
/// <typeparam name="TRequest">What is to be begun (<see cref="Exchange"/>).</typeparam>
/// <typeparam name="TCall">To whom something happens (<see cref="AsgiCall"/>).</typeparam>
/// <param name="wake">Has the loop take what is there; any thread.</param>
internal sealed class LoopInbox<TRequest, TCall>(Action wake)
    where TRequest : class
    where TCall : class
{
    private readonly Lock _gate = new();
    private List<Item> _coming = [], _going = [];
    private long _armed; // Since when the loop is to turn for us, as a timestamp; 0: it is at rest, and has to be woken for what comes.
    private int _open;
    private bool _closed, _stopping;
    private volatile ManualResetEventSlim? _posted; // Only at the end, when the loop itself turns no more.

    /// <summary>Requests that are not answered whole yet, those that wait in here included.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Since when events wait for the loop's next turn, as a timestamp; 0: none does. An old one: the loop is blocked.</summary>
    public long WaitingSince => Interlocked.Read(ref _armed);

    /// <summary>Hands over a request. False: none is taken any more.</summary>
    public bool TryAdd(TRequest request)
    {
        lock (_gate)
        {
            if (_closed)
                return false;
            Interlocked.Increment(ref _open); // Not ++: Answered comes from the loop's thread, without the lock.
            _coming.Add(new Item(request, null, default));
        }

        Wake();
        return true;
    }

    /// <summary>A request has been answered.</summary>
    public void Answered() => Interlocked.Decrement(ref _open);

    /// <summary>Tells what happened to a call.</summary>
    public void Post(TCall call, LoopEvent what)
    {
        lock (_gate)
            _coming.Add(new Item(null, call, what));
        Wake();
    }

    /// <summary>The server, or this loop alone, stops: connections that would go on for ever are to be ended.</summary>
    public void BeginStop()
    {
        lock (_gate)
            _stopping = true;
        Wake();
    }

    /// <summary>No request is taken any more.</summary>
    public void Close()
    {
        lock (_gate)
            _closed = true;
        Wake();
    }

    public void Wake()
    {
        _posted?.Set();
        if (Interlocked.Read(ref _armed) == 0 && Interlocked.CompareExchange(ref _armed, TimeProvider.System.GetTimestamp(), 0) == 0)
            wake();
    }

    /// <summary>The loop is at work, and will <see cref="Take"/>: what is posted needs no wake-up.</summary>
    public void BeginTurn() => Interlocked.Exchange(ref _armed, TimeProvider.System.GetTimestamp());

    /// <summary>
    /// What has come, for the caller to go through and clear. From here on the loop is not at rest: what comes meanwhile is found by
    /// <see cref="TryRest"/>, and needs no wake-up.
    /// </summary>
    /// <param name="goesOn">Whether more requests may come.</param>
    /// <param name="stops">Whether the stop has begun.</param>
    public List<Item> Take(out bool goesOn, out bool stops)
    {
        lock (_gate)
        {
            (_coming, _going) = (_going, _coming);
            (goesOn, stops) = (!_closed, _stopping);
            Interlocked.Exchange(ref _armed, TimeProvider.System.GetTimestamp());
            return _going;
        }
    }

    /// <summary>The end of a turn. False: more has come meanwhile.</summary>
    /// <param name="stopTold">Whether the loop knows of the stop.</param>
    /// <param name="closed">Whether no request comes any more.</param>
    public bool TryRest(bool stopTold, out bool closed)
    {
        lock (_gate)
        {
            closed = _closed;
            if (_coming.Count > 0 || (_stopping && !stopTold))
                return false;
            Interlocked.Exchange(ref _armed, 0);
            return true;
        }
    }

    /// <summary>For the end, when wake-ups reach nobody: waits for something to be posted, for so long at most. Called detached.</summary>
    public void WaitForEvents(TimeSpan most)
    {
        using var posted = new ManualResetEventSlim();
        _posted = posted;
        lock (_gate)
        {
            if (_coming.Count > 0)
                posted.Set();
        }

        posted.Wait(most);
        _posted = null;
    }

    /// <summary>A request to begin, or what happened to a call.</summary>
    public readonly record struct Item(TRequest? Request, TCall? Call, LoopEvent What);
}
