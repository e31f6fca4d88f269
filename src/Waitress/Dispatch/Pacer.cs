namespace Waitress.Dispatch;

/// <summary>
/// Decides how many Python threads take work at once. One is the fastest while the app only computes, because the GIL lets one
/// run at a time anyway and every other costs hand-overs; more are needed as soon as threads wait outside the GIL (a database,
/// a sleep) or one computes for long. Looks while work waits, on its own thread, once a millisecond at first and then
/// every four; rests when nothing waits.
/// Beyond the threads of the start (max_threads) only waiting counts: there the number grows while all sleep, the faster the more there are.
/// </summary>
/// <param name="seats">Threads of the start.</param>
/// <param name="parallel">Whether Python runs in parallel.</param>
/// <param name="most">Up to how many there may be.</param>
internal sealed class Pacer(int seats, bool parallel, int most)
{
    // A thread that has computed for longer than Python's switch interval (sys.getswitchinterval(), 5 ms) shares the GIL anyway.
    private static readonly TimeSpan SwitchInterval = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1);

    // Looks that make one judgement: short for more threads, long for fewer, so that the number does not flap.
    private const int RaiseAfter = 2, LowerAfter = 64;

    private int _asleep, _busy;
    private long _takenBefore;

    /// <summary>The number for the start: all of them where Python runs in parallel (free-threaded builds), else one.</summary>
    public int Initial => parallel ? seats : 1;

    /// <summary>The new target after one look.</summary>
    /// <param name="queue">The queue now.</param>
    /// <param name="allAsleep">Whether every active thread sleeps in the kernel; null where the OS does not tell.</param>
    public int Look(in QueueState queue, bool? allAsleep)
    {
        var stalled = queue.Taken == _takenBefore;
        _takenBefore = queue.Taken;
        if (parallel && most == seats)
            return queue.Target;
        if (queue.Waiting == 0 || queue.Oldest < Patience || queue.Active < queue.Target)
            return Settle(queue, allAsleep);

        var blocked = allAsleep ?? stalled;
        _asleep = blocked ? _asleep + 1 : 0;
        _busy = blocked || stalled ? 0 : _busy + 1;
        var computesForLong = stalled && queue.Oldest >= SwitchInterval && queue.Target < seats;
        if (_asleep >= RaiseAfter || computesForLong)
        {
            _asleep = 0;
            return Raise(queue.Target, allAsleep);
        }

        // Where the OS does not tell, a thread that waits looks like one that computes: then the number never falls.
        return _busy < LowerAfter || allAsleep is null ? queue.Target : Lower(queue.Target);
    }

    // Where the OS does not tell, an app that computes must not get more threads than it was given: the number stays at theirs.
    private int Raise(int target, bool? allAsleep)
    {
        if (target < seats)
            return target + 1;
        return allAsleep is true ? Math.Min(target + Math.Max(target / 4, 1), most) : target;
    }

    private int Lower(int target)
    {
        _busy = 0;
        return Math.Max(target - 1, Initial);
    }

    // The threads keep up. Where they compute, fewer would do as well, without fighting for the GIL; where they wait, that many it takes.
    private int Settle(in QueueState queue, bool? allAsleep)
    {
        _asleep = 0;
        if (queue.Target == Initial || queue.Active == 0 || allAsleep is null)
            return queue.Target;
        _busy = allAsleep.Value ? 0 : _busy + 1;
        return _busy < LowerAfter ? queue.Target : Lower(queue.Target);
    }
}
