namespace Waitress.Http;

/// <summary>
/// Counts the requests that have begun and not ended, and knows of the stop. Touched by every request: one interlocked operation
/// each way.
/// </summary>
internal sealed class InFlight
{
    private int _count;
    private volatile bool _draining;

    /// <summary>True from the stop on: each answer ends its connection.</summary>
    public bool Draining => _draining;

    public int Count => Volatile.Read(ref _count);

    public void Enter() => Interlocked.Increment(ref _count);

    public void Leave() => Interlocked.Decrement(ref _count);

    public void BeginDrain() => _draining = true;
}
