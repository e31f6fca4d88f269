using Waitress.Processes;
using Waitress.Workers;

namespace Waitress;

/// <summary>What the server tells of itself: sums over its pools, and the worker's slot on the scoreboard.</summary>
internal sealed partial class Server
{
    private PoolFigures _formerPools; // The sums of those that were removed; guarded by the lock.

    /// <summary>Lines of the access log that could not be written.</summary>
    public long AccessLogLost => _accessLog?.Lost ?? 0;

    /// <summary>What a supervisor reads off the scoreboard, by its names there; for a server without one.</summary>
    public Dictionary<string, object?> Figures()
    {
        var pool = ReadPools();
        return new Dictionary<string, object?>
        {
            ["requests"] = _inFlight.Completed,
            ["in_flight"] = (long)_inFlight.Count,
            ["queue"] = (long)_queue.ReadAll().Waiting,
            ["threads"] = (long)pool.Threads,
            ["inside"] = (long)pool.Busy,
            ["stuck"] = (long)pool.Stuck,
            ["timeouts"] = pool.TimedOut,
            ["refusals"] = pool.Refused,
        };
    }

    private PoolFigures ReadPools()
    {
        PoolFigures sum;
        Pool[] pools;
        lock (_gate)
            (pools, sum) = (_pools, _formerPools);
        var now = Array.ConvertAll(pools, pool => pool.Read());
        foreach (var each in now)
            sum = sum.Plus(each);

        // All threads of the process are busy when those of each pool are, since the youngest of their requests began.
        var everyBusy = now.Length > 0 && Array.TrueForAll(now, each => each.EveryBusySince > 0) ? now.Max(each => each.EveryBusySince) : 0;
        return IsAsgi ? WithLoops(sum) : sum with { EveryBusySince = everyBusy, Refused = _limits.Refused };
    }

    // A loop has one thread, which is busy for good when it does not turn while something waits.
    private PoolFigures WithLoops(PoolFigures sum)
    {
        var loops = _loops.All;
        var stuck = loops.Count > 0 && loops.All(loop => loop.Inbox.WaitingSince != 0) ? loops.Max(loop => loop.Inbox.WaitingSince) : 0;
        return sum with
        {
            Threads = loops.Count,
            Busy = loops.Sum(loop => loop.Inbox.Open),
            TimedOut = _loops.Sums.TimedOut,
            EveryBusySince = (long)(stuck * (1e9 / TimeProvider.System.TimestampFrequency)),
            Refused = _limits.Refused,
        };
    }

    private void WriteFigures(Scoreboard board, int slot)
    {
        _figures.Refresh();
        var queue = _queue.ReadAll();
        board[slot, Field.Completed] = _inFlight.Completed;
        board[slot, Field.InFlight] = _inFlight.Count;
        board[slot, Field.Queued] = queue.Waiting;
        board[slot, Field.OldestSince] = queue.Waiting == 0 ? 0 : Monotonic.Now(TimeProvider.System) - (queue.Oldest.Ticks * TimeSpan.NanosecondsPerTick);
        var pool = ReadPools();
        board[slot, Field.Threads] = pool.Threads;
        board[slot, Field.InApp] = pool.Busy;
        board[slot, Field.AllBusySince] = pool.EveryBusySince;
        board[slot, Field.Stuck] = pool.Stuck;
        board[slot, Field.AppTime] = pool.BusyTime;
        board[slot, Field.QueueTime] = pool.QueueWait;
        board[slot, Field.Timeouts] = pool.TimedOut;
        board[slot, Field.Refused] = pool.Refused;
    }
}
