namespace Waitress.Http;

/// <summary>
/// Counts the requests that have begun and not ended, and knows of the stop. Touched by every request: one interlocked operation
/// each way.
/// </summary>
internal sealed class InFlight
{
    private int count;
    private volatile bool draining;

    /// <summary>True from the stop on: each answer ends its connection.</summary>
    public bool Draining => draining;

    public int Count => Volatile.Read(ref count);

    public void Enter() => Interlocked.Increment(ref count);

    public void Leave() => Interlocked.Decrement(ref count);

    public void BeginDrain() => draining = true;
}
