using Waitress.Configuration;
using Waitress.Workers;

namespace Waitress.Asgi;

/// <summary>
/// Looks, while requests are in the app's hands, whether the event loops turn (loop_stall), and has them look for requests that take too long
/// (request_timeout). A timer of .NET's, never attached.
/// </summary>
internal sealed class LoopWatch : IDisposable
{
    private static readonly TimeSpan MostOften = TimeSpan.FromMilliseconds(50), LeastOften = TimeSpan.FromSeconds(1);

    private readonly EventLoops _loops;
    private readonly TimeSpan _stall;
    private readonly TimeProvider _time;
    private readonly ITimer? _timer;

    public LoopWatch(EventLoops loops, Settings settings, TimeProvider time)
    {
        (_loops, _time, _stall) = (loops, time, TimeSpan.FromSeconds(settings.LoopStall));

        // Half a stall, and a fifth of a timeout: what is told is then late by so much at most.
        var limits = (TimeSpan[])[_stall / 2, TimeSpan.FromSeconds(settings.RequestTimeout) / 5];
        var period = limits.Where(limit => limit > TimeSpan.Zero).DefaultIfEmpty(TimeSpan.Zero).Min();
        if (period == TimeSpan.Zero)
            return;
        period = period < MostOften ? MostOften : period > LeastOften ? LeastOften : period;
        _timer = time.CreateTimer(static self => ((LoopWatch)self!).Look(), this, period, period);
    }

    public void Dispose() => _timer?.Dispose();

    /// <summary>One look; the timer's.</summary>
    public void Look()
    {
        foreach (var loop in _loops.All)
        {
            if (loop.Inbox.Open == 0 && loop.Poller is not { HasWaiting: true })
                continue; // Nobody waits for it.
            loop.Inbox.Wake(); // To see that it turns, and for it to look at the time.
            if (_stall > TimeSpan.Zero && loop.Inbox.WaitingSince is var since and not 0 && _time.GetElapsedTime(since) is var waits && waits >= _stall && loop.TellStall())
                loop.Home.Orders.Tell(new Stalled(loop.Thread, waits.TotalSeconds));
        }
    }
}
