namespace Waitress.Tests;

/// <summary>A clock that stands still until a test moves it; timers that are due then run on the caller's thread.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private readonly DateTimeOffset start = DateTimeOffset.UtcNow - TimeSpan.FromDays(1);
    private TimeSpan now = TimeSpan.FromDays(1);

    /// <summary>Timers that wait; a test that moves the clock step by step sees here that the code under test has reached its next wait.</summary>
    public int Timers
    {
        get
        {
            lock (gate)
                return timers.Count;
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => now.Ticks;

    public override DateTimeOffset GetUtcNow() => start + now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    public void Advance(TimeSpan step)
    {
        ManualTimer[] due;
        lock (gate)
        {
            now += step;
            due = [.. timers.Where(timer => timer.Due <= now)];
            foreach (var timer in due)
                timer.Next(now);
        }

        foreach (var timer in due)
            timer.Fire();
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public TimeSpan Due { get; private set; }

        private TimeSpan period;

        public void Fire() => callback(state);

        /// <summary>However far the clock has moved, a period that has passed is one call.</summary>
        public void Next(TimeSpan now)
        {
            if (period == Timeout.InfiniteTimeSpan)
                time.timers.Remove(this);
            else
                Due = now + period;
        }

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod)
        {
            lock (time.gate)
            {
                period = newPeriod;
                time.timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = time.now + dueTime;
                    time.timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
