using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Workers;

/// <summary>
/// Looks after the workers while they have work: asks the <see cref="Pacer"/> how many should run, sends answers that a worker
/// holds back for too long, keeps the limits of time (<see cref="RequestTimeouts"/>, <see cref="QueueLimits"/>) and tells of a long queue. A thread of
/// its own, never attached; it rests while all is quiet, but not longer than until the next limit.
/// </summary>
internal sealed class Watcher(RequestQueue<Exchange> queue, Pool pool, QueueLimits limits, Settings settings, bool parallel, Mailbox log, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan FirstLooks = TimeSpan.FromMilliseconds(1), LaterLooks = TimeSpan.FromMilliseconds(4);

    // A burst is looked at closely for some milliseconds; a steady load costs 250 looks a second, about 0.2 % of a core.
    private const int CloseLooks = 8, LooksUntilRest = 25;

    private static readonly TimeSpan ShrinkLooks = TimeSpan.FromSeconds(1);

    private readonly Pacer _pacer = new(settings.Concurrency, parallel, settings.MostConcurrency);
    private readonly Growth _growth = new(pool, settings.Concurrency, settings.MostConcurrency, time);
    private readonly RequestTimeouts _timeouts = new(pool, TimeSpan.FromSeconds(settings.RequestTimeout), settings.Supervised, log, time);
    private readonly AutoResetEvent _work = new(false);
    private Thread? _thread;
    private volatile bool _resting, _ended;
    private long _warnedAt;
    private int _deepest;

    public void Start()
    {
        queue.Retarget(_pacer.Initial);
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = "waitress-watcher" };
        _thread.Start();
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
        var state = queue.Read();
        if (state.Waiting == 0 && pool.Workers.All(worker => worker.Outbox.IsEmpty) && !_ended)
            _work.WaitOne(RestTime(state));
        _resting = false;
    }

    private TimeSpan RestTime(in QueueState state)
    {
        var rest = _timeouts.Rest(state.Active > 0);
        return _growth.IsGrown && (rest == Timeout.InfiniteTimeSpan || rest > ShrinkLooks) ? ShrinkLooks : rest;
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
        foreach (var worker in pool.Workers)
            worker.Outbox.Rescue();
        _timeouts.Look();
        var told = limits.Look();
        var state = queue.Read();
        var target = _growth.Look(state, _pacer.Look(state, NeedsProbe(state) ? AllAsleep() : null));
        if (target != state.Target)
            queue.Retarget(target);
        pool.Fill();
        WarnOfDepth(state);
        return state.Waiting > 0 || told;
    }

    private static bool NeedsProbe(in QueueState state) => state.Waiting > 0 || state.Target > 1;

    private bool? AllAsleep()
    {
        bool? all = null;
        foreach (var worker in pool.Workers)
        {
            if (!worker.Active || worker.Probe?.IsAsleep() is not { } asleep)
                continue;
            if (!asleep)
                return false;
            all = true;
        }

        return all;
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
