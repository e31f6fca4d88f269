using Waitress.Guards;
using Waitress.Telemetry;

namespace Waitress.Workers;

/// <summary>
/// request_timeout as the watcher keeps it: answers for calls that are over their time (504, or the connection is cut where the answer had
/// begun), has the thread given up, and judges whether so many stay stuck that the process should be replaced.
/// </summary>
internal sealed class RequestTimeouts(Pool pool, TimeSpan limit, bool supervised, Mailbox log, TimeProvider time)
{
    private int _told;
    private bool _recycled;

    /// <summary>Called on the watcher's thread, which is detached: what it answers it sends.</summary>
    public void Look()
    {
        if (limit == TimeSpan.Zero)
            return;
        foreach (var worker in pool.Workers)
        {
            if (worker.CurrentCall is not { } call || !call.TryExpire())
                continue;
            call.Exchange.IsSpent = true;
            call.Exchange.Response.Refuse(Refusal.TookTooLong);
            call.Exchange.Complete();
            pool.GiveUp(worker, call);
        }

        Judge();
    }

    /// <summary>How long the watcher may rest: until the next call is over its time, if all go on as they do.</summary>
    /// <param name="active">Whether any thread takes work: one may have taken a request since its call was looked for.</param>
    public TimeSpan Rest(bool active)
    {
        if (limit == TimeSpan.Zero)
            return Timeout.InfiniteTimeSpan;
        var rest = active ? limit : TimeSpan.MaxValue;
        foreach (var worker in pool.Workers)
        {
            if (worker.GivenUp is { } late && time.GetElapsedTime(late.At) <= Pool.Grace)
                rest = TimeSpan.FromTicks(Math.Min(rest.Ticks, Pool.Grace.Ticks));
            else if (worker.GivenUp is null && worker.CurrentCall is { } call)
                rest = TimeSpan.FromTicks(Math.Min(rest.Ticks, call.Left.Ticks));
        }

        // At least a look's pause: a call that is inside the engine is not over yet, and WaitOne has no room for longer than weeks.
        return rest == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan
            : TimeSpan.FromMilliseconds(Math.Clamp(rest.TotalMilliseconds, 1, int.MaxValue));
    }

    // Told as the number grows, and once more when none is left; ThreadBack tells of each that comes back.
    private void Judge()
    {
        if (pool.Stuck == 0)
        {
            _told = 0;
            return;
        }

        var stuck = pool.Workers.Count(worker => worker.GivenUp is { } late && time.GetElapsedTime(late.At) > Pool.Grace);
        var places = pool.Places;
        if (stuck > _told)
        {
            _told = stuck;
            log.Post(LogEvent.ThreadsStuck, stuck, places);
            if (stuck == Pool.MostStuck)
                log.Post(LogEvent.TooManyStuck, stuck);
        }

        if (!supervised || _recycled || stuck * 2 <= places)
            return;
        _recycled = true;
        pool.Orders.Recycle("stuck");
    }
}
