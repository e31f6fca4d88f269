namespace Waitress.Workers;

/// <summary>
/// What a pool is doing at one moment, for the scoreboard and for status lines: read by <see cref="Pool.Read"/> from any thread, without
/// a lock that a request would take. The sums only grow; each is exact once the requests concerned have ended.
/// </summary>
/// <param name="Threads">Python threads that are to be served with: those over their time are not among them.</param>
/// <param name="Busy">How many of them have a request.</param>
/// <param name="EveryBusySince">
/// Since when every one has the same request as now: the start of the youngest of these requests, in nanoseconds of the monotonic clock; 0 when a
/// thread is free.
/// </param>
/// <param name="Stuck">Threads over request_timeout that have not come back.</param>
/// <param name="Completed">Requests that the app has ended, well or not.</param>
/// <param name="BusyTime">Nanoseconds that threads have had requests, in all; the requests of this moment included.</param>
/// <param name="QueueWait">Nanoseconds that requests have waited for a thread, in all.</param>
/// <param name="TimedOut">Requests that were over request_timeout (504, or cut off).</param>
/// <param name="Refused">Requests refused with 503: over queue_timeout or beyond backlog_limit. Of the whole server, not of one pool.</param>
internal readonly record struct PoolFigures(
    int Threads, int Busy, long EveryBusySince, int Stuck, long Completed, long BusyTime, long QueueWait, long TimedOut, long Refused)
{
    /// <summary>The numbers and sums of both; not the two that do not add up.</summary>
    public PoolFigures Plus(PoolFigures other) => new(
        Threads + other.Threads, Busy + other.Busy, 0, Stuck + other.Stuck, Completed + other.Completed, BusyTime + other.BusyTime,
        QueueWait + other.QueueWait, TimedOut + other.TimedOut, 0);
}
