using Waitress.Dispatch;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Workers;

/// <summary>
/// What becomes of requests for which there is no thread in time: 503 with Retry-After, counted, and told of once a second at most. Refused at once
/// beyond backlog_limit (by <see cref="Application"/>), after queue_timeout by the thread that would serve it or, where none comes for it,
/// by the <see cref="Watcher"/>.
/// </summary>
internal sealed class QueueLimits(RequestQueue<Exchange> queue, TimeSpan queueTimeout, int backlogLimit, Mailbox log, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private long _full, _late, _fullTold, _lateTold, _toldAt;

    /// <summary>Requests that were refused so far.</summary>
    public long Refused => Interlocked.Read(ref _full) + Interlocked.Read(ref _late);

    /// <summary>A request found as many waiting as may.</summary>
    public void NoteFull() => Interlocked.Increment(ref _full);

    /// <summary>Whether a request that waits since then is too late to be served; it is counted.</summary>
    /// <param name="since">The timestamp at which it was queued.</param>
    /// <param name="now">The timestamp of this moment.</param>
    public bool IsLate(long since, long now)
    {
        if (queueTimeout == TimeSpan.Zero || time.GetElapsedTime(since, now) <= queueTimeout)
            return false;
        Interlocked.Increment(ref _late);
        return true;
    }

    /// <summary>Refuses those that no thread has taken in time, and tells of what was refused. True while there is something to tell later.</summary>
    public bool Look()
    {
        while (queueTimeout > TimeSpan.Zero && queue.TryExpire(queueTimeout, out var late))
        {
            Interlocked.Increment(ref _late);
            late.Response.Refuse(Refusal.WaitedTooLong);
            late.Complete();
        }

        var (full, tooLate) = (Interlocked.Read(ref _full) - _fullTold, Interlocked.Read(ref _late) - _lateTold);
        if (full + tooLate == 0)
            return false;
        if (_toldAt != 0 && time.GetElapsedTime(_toldAt) < Pause)
            return true;
        if (full > 0)
            log.Post(LogEvent.BacklogFull, full, backlogLimit);
        if (tooLate > 0)
            log.Post(LogEvent.QueueTimeout, tooLate, queueTimeout.TotalSeconds);
        (_fullTold, _lateTold, _toldAt) = (_fullTold + full, _lateTold + tooLate, time.GetTimestamp());
        return false;
    }
}
