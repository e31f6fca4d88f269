namespace Waitress.Dispatch;

/// <summary>Where one Python thread rests while there is nothing for it to do; it does not hold the GIL then.</summary>
internal sealed class Seat(SeatGroup? group = null) : IDisposable
{
    // Not SemaphoreSlim, which spins first: with as many busy threads as cores that takes the time from the thread that would
    // bring the work.
    private readonly AutoResetEvent _signal = new(false);

    /// <summary>The seats of the thread's interpreter; null: the queue's own group, where there is one interpreter.</summary>
    public SeatGroup? Group => group;

    /// <summary>True while the thread takes work. Guarded by the queue's lock.</summary>
    public bool Active { get; set; }

    /// <summary>True from <see cref="RequestQueue{T}.Join"/> to <see cref="RequestQueue{T}.Leave"/>. Guarded by the queue's lock.</summary>
    public bool Present { get; set; }

    /// <summary>True from the wake-up until the thread asks for work. Guarded by the queue's lock.</summary>
    public bool OnItsWay { get; set; }

    public void Wake() => _signal.Set();

    public void Rest() => _signal.WaitOne();

    public void Dispose() => _signal.Dispose();
}
