using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Workers;

/// <summary>
/// The watcher's part that each pool has for itself, since its threads share a GIL: how many of them run (<see cref="Pacer"/>, <see cref="Growth"/>),
/// answers held back too long, calls over their time. On the watcher's thread, never attached.
/// </summary>
internal sealed class PoolWatch(RequestQueue<Exchange> queue, Pool pool, Settings settings, bool parallel, Mailbox log, TimeProvider time)
{
    private static readonly TimeSpan ShrinkLooks = TimeSpan.FromSeconds(1);

    private readonly SeatGroup? _group = pool.Share.Group;
    private readonly Pacer _pacer = new(pool.Share.Threads, parallel, pool.Share.MostThreads);
    private readonly Growth _growth = new(pool, pool.Share.Threads, pool.Share.MostThreads, time);
    private readonly RequestTimeouts _timeouts = new(pool, TimeSpan.FromSeconds(settings.RequestTimeout), settings.Supervised, log, time);

    public Pool Pool => pool;

    public bool HoldsAnswers => pool.Workers.Any(worker => !worker.Outbox.IsEmpty);

    public void Start() => queue.Retarget(_pacer.Initial, _group);

    /// <summary>How long the watcher may rest for the sake of this pool.</summary>
    public TimeSpan Rest()
    {
        var rest = _timeouts.Rest(queue.Read(_group).Active > 0);
        return _growth.IsGrown && (rest == Timeout.InfiniteTimeSpan || rest > ShrinkLooks) ? ShrinkLooks : rest;
    }

    public void Look()
    {
        foreach (var worker in pool.Workers)
            worker.Outbox.Rescue();
        _timeouts.Look();
        var state = queue.Read(_group);
        var target = _growth.Look(state, _pacer.Look(state, NeedsProbe(state) ? AllAsleep() : null));
        if (target != state.Target)
            queue.Retarget(target, _group);
        pool.Fill();
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
}
