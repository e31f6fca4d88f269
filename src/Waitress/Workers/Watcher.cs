using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Workers;

/// <summary>
/// Looks after the workers while they have work: looks at each pool (<see cref="PoolWatch"/>), keeps the
/// limits of the queue (<see cref="QueueLimits"/>) and tells of a long one. A thread of
/// its own, never attached; it rests while all is quiet, but not longer than until the next limit.
/// </summary>
internal sealed class Watcher(RequestQueue<Exchange> queue, Pool? pool, QueueLimits limits, Settings settings, bool parallel, Mailbox log, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan FirstLooks = TimeSpan.FromMilliseconds(1), LaterLooks = TimeSpan.FromMilliseconds(4);

    // A burst is looked at closely for some milliseconds; a steady load costs 250 looks a second, about 0.2 % of a core.
    private const int CloseLooks = 8, LooksUntilRest = 25;

    private readonly Lock _gate = new();
    private volatile PoolWatch[] _pools = pool is null ? [] : [new PoolWatch(queue, pool, settings, parallel, log, time)]; // Replaced, never changed.
    private readonly AutoResetEvent _work = new(false);
    private Thread? _thread;
    private volatile bool _resting, _ended;
    private long _warnedAt;
    private int _deepest;

    public void Start()
    {
        foreach (var watch in _pools)
            watch.Start();
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = "waitress-watcher" };
        _thread.Start();
    }

    /// <summary>Looks after a further pool from here on.</summary>
    public void Add(Pool added)
    {
        var watch = new PoolWatch(queue, added, settings, parallel, log, time);
        watch.Start();
        lock (_gate)
            _pools = [.. _pools, watch];
        _work.Set();
    }

    /// <summary>The pool's last thread has left.</summary>
    public void Remove(Pool removed)
    {
        lock (_gate)
            _pools = [.. _pools.Where(watch => watch.Pool != removed)];
    }

    /// <summary>To be called when a request is queued: cheap while the watcher is awake.</summary>
    public void Notice()
    {
        if (_resting)
            _work.Set();
    }

    public void Stop()
    {
        _ended = true;
        _work.Set();
        _thread?.Join();
    }

    public void Dispose() => _work.Dispose();

    private void Run()
    {
        var quiet = 0;
        var looks = 0;
        while (!_ended)
        {
            if (quiet > LooksUntilRest)
            {
                (quiet, looks) = (0, 0);
                Rest();
            }

            _work.WaitOne(looks++ < CloseLooks ? FirstLooks : LaterLooks);
            quiet = LookSafely() ? 0 : quiet + 1;
        }
    }

    // The flag goes up before the last look, so that a request that comes in between is either seen or sets the event. The
    // outboxes come after the queue: a worker takes a request only after it has put the answer before it there, so an answer
    // that is held back behind a long call is seen in one of the two.
    private void Rest()
    {
        _resting = true;
        if (queue.ReadAll().Waiting == 0 && !_pools.Any(watch => watch.HoldsAnswers) && !_ended)
            _work.WaitOne(RestTime());
        _resting = false;
    }

    private TimeSpan RestTime()
    {
        var least = Timeout.InfiniteTimeSpan;
        foreach (var watch in _pools)
        {
            var rest = watch.Rest();
            if (least == Timeout.InfiniteTimeSpan || (rest != Timeout.InfiniteTimeSpan && rest < least))
                least = rest;
        }

        return least;
    }

    // A fault here must not end the process, nor the watching.
    private bool LookSafely()
    {
        try
        {
            return Look();
        }
        catch (Exception e)
        {
            log.Post(LogEvent.EngineFault, e);
            return true;
        }
    }

    private bool Look()
    {
        foreach (var watch in _pools)
            watch.Look();
        var told = limits.Look();
        var state = queue.ReadAll();
        WarnOfDepth(state);
        return state.Waiting > 0 || told;
    }

    // Waitress warns for each request that finds no idle thread; once a second with the largest number says as much. A thread that
    // is being woken is not idle any more and has taken nothing yet: a request younger than a look may be on its way to it.
    private void WarnOfDepth(in QueueState state)
    {
        if (state.Oldest >= LaterLooks)
            _deepest = Math.Max(_deepest, state.Waiting - state.Idle);
        if (_deepest <= 0 || (_warnedAt != 0 && time.GetElapsedTime(_warnedAt) < TimeSpan.FromSeconds(1)))
            return;
        log.Post(LogEvent.QueueDepth, _deepest);
        (_warnedAt, _deepest) = (time.GetTimestamp(), 0);
    }
}
