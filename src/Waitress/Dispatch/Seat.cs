namespace Waitress.Dispatch;

/// <summary>Where one Python thread rests while there is nothing for it to do; it does not hold the GIL then.</summary>
internal sealed class Seat : IDisposable
{
    // No spinning: with as many busy threads as cores it takes the time from the one that would bring the work.
    private readonly SemaphoreSlim signal = new(0);

    /// <summary>True while the thread takes work. Guarded by the queue's lock.</summary>
    public bool Active { get; set; }

    public void Wake() => signal.Release();

    public void Rest() => signal.Wait();

    public void Dispose() => signal.Dispose();
}
