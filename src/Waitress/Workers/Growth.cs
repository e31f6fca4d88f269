using Waitress.Dispatch;

namespace Waitress.Workers;

/// <summary>
/// max_threads: as many places as the <see cref="Pacer"/> wants active at once, more than at the start where that helps, and fewer again when
/// they were not needed for a while. On the watcher's thread.
/// </summary>
internal sealed class Growth(Pool pool, int least, int most, TimeProvider time)
{
    // Long against the pauses of a load that comes in waves: making threads anew costs more than keeping them.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private int _peak;
    private long _since = time.GetTimestamp();

    /// <summary>Whether there are threads that may be sent home.</summary>
    public bool IsGrown => pool.Places > least;

    /// <summary>Has threads made for a target beyond the places; sends those home that a window of time did not need.</summary>
    /// <returns>The target for the queue.</returns>
    public int Look(in QueueState queue, int target)
    {
        if (least == most)
            return target;
        if (target > pool.Places)
            pool.Resize(Math.Min(target, most));
        _peak = Math.Max(_peak, queue.Active);
        if (time.GetElapsedTime(_since) < Window)
            return target;

        // A target without threads behind it would look like threads that are free, and hide that more are needed.
        if (IsGrown && _peak < pool.Places)
            target = Math.Min(target, pool.Resize(Math.Max(_peak, least)));
        (_peak, _since) = (queue.Active, time.GetTimestamp());
        return target;
    }
}
