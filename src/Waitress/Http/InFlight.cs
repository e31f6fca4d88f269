using Waitress.Processes;

namespace Waitress.Http;

/// <summary>
/// Counts the requests that have begun and those that have ended, and knows of the stop. Touched by every request: one interlocked operation
/// each way.
/// </summary>
/// <param name="most">After so many requests <paramref name="reached"/> is called, once, on the thread that ended the last; 0: never.</param>
/// <param name="rebalancer">Moves connections to other workers; null: there are none.</param>
internal sealed class InFlight(long most = 0, Action? reached = null, Rebalancer? rebalancer = null)
{
    private long _begun;
    private long _ended;
    private volatile bool _draining;
    private volatile bool _retiring;

    /// <summary>True from the stop on: each answer ends its connection.</summary>
    public bool Draining => _draining;

    /// <summary>Whether the stop is of this worker alone, and others go on serving.</summary>
    public bool Retiring => _retiring;

    public Rebalancer? Rebalancer => rebalancer;

    public int Count
    {
        get
        {
            var ended = Completed; // First: in the other order a request that begins and ends in between would be counted as -1.
            return (int)(Volatile.Read(ref _begun) - ended);
        }
    }

    /// <summary>Requests that have ended since the start.</summary>
    public long Completed => Volatile.Read(ref _ended);

    public void Enter() => Interlocked.Increment(ref _begun);

    public void Leave()
    {
        if (Interlocked.Increment(ref _ended) == most)
            reached?.Invoke();
    }

    public void BeginDrain(bool retiring = false)
    {
        _retiring = retiring;
        _draining = true;
    }
}
