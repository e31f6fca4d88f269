using Waitress.Metrics;
using Waitress.Processes;

namespace Waitress.Listening;

/// <summary>
/// Counts the open connections of one server against <c>connection_limit</c>. Listeners ask before they accept, so that the others
/// wait in the kernel's backlog; none is refused. One gate serves all listeners of a server; any thread may call it.
/// </summary>
/// <param name="limit">Connections open at once.</param>
/// <param name="clock">Measures the wait after the process has run out of descriptors.</param>
/// <param name="crowded">
/// Told true when the limit is reached and false when a tenth of it (at least one) is free again: the gap keeps a server that works at
/// its limit from telling so with every connection. Called without a lock, on the thread that opened or closed the connection.
/// </param>
/// <param name="slot">Where the other workers see the count; null for a server alone.</param>
/// <param name="figures">Where it is counted for the metrics.</param>
internal sealed class ConnectionGate(int limit, TimeProvider clock, Action<bool>? crowded = null, WorkerSlot? slot = null, WorkerFigures? figures = null)
{
    private readonly Lock _lock = new();
    private readonly int _relief = limit - Math.Max(1, limit / 10);
    private int _open;
    private bool _crowded;
    private TaskCompletionSource? _nextLeave;

    /// <summary>Connections open now.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Whether the limit is reached.</summary>
    public bool IsFull => Open >= limit;

    /// <summary>Completes when a connection may be accepted; at once below the limit.</summary>
    public ValueTask RoomAsync(CancellationToken cancellation) => Open < limit ? default : new ValueTask(WaitForRoomAsync(cancellation));

    /// <summary>Counts one more connection; false, and not counted, at the limit.</summary>
    public bool TryEnter() => Enter(force: false);

    /// <summary>Counts one more connection whatever the limit says: for those that the kernel accepted before a stop.</summary>
    public void ForceEnter() => Enter(force: true);

    /// <summary>Counts a connection out.</summary>
    public void Leave()
    {
        bool relieved;
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            _open--;
            slot?.Balance.Note(_open, accepted: false);
            figures?.Closed(_open);
            relieved = _crowded && _open <= _relief;
            _crowded &= !relieved;
            (waiting, _nextLeave) = (_nextLeave, null);
        }

        waiting?.SetResult();
        if (relieved)
            crowded?.Invoke(false);
        slot?.OnLeave();
    }

    /// <summary>The same for one that was closed at once.</summary>
    /// <param name="reason">An index into <see cref="ConnectionRefusals"/>.</param>
    public void Refuse(int reason)
    {
        figures?.NotAccepted(reason);
        Leave();
    }

    /// <summary>Completes when the next connection closes, or after <paramref name="atMost"/>.</summary>
    public async Task LeaveAsync(TimeSpan atMost, CancellationToken cancellation)
    {
        try
        {
            await NextLeave(() => true).WaitAsync(atMost, clock, cancellation);
        }
        catch (TimeoutException)
        {
        }
    }

    private bool Enter(bool force)
    {
        bool reached;
        lock (_lock)
        {
            if (_open >= limit && !force)
                return false;
            _open++;
            slot?.Balance.Note(_open, accepted: true);
            figures?.Accepted(_open);
            reached = !_crowded && _open >= limit;
            _crowded |= reached;
        }

        if (reached)
            crowded?.Invoke(true);
        slot?.WakeEligible();
        return true;
    }

    private async Task WaitForRoomAsync(CancellationToken cancellation)
    {
        while (Open >= limit)
            await NextLeave(() => _open >= limit).WaitAsync(cancellation);
    }

    private Task NextLeave(Func<bool> wait)
    {
        lock (_lock)
        {
            // Asked again under the lock: a connection that left in between has signalled nobody.
            if (!wait())
                return Task.CompletedTask;
            _nextLeave ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _nextLeave.Task;
        }
    }
}
