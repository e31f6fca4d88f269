namespace Waitress.Http;

/// <summary>
/// Ends the waits for request bodies that come too slowly. One timer for all, once a second while
/// there is anything to watch: a timer for each read costs more than the read.
/// </summary>
internal sealed class IdleSweep : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly HashSet<RequestBody> _waiting = [];
    private readonly ITimer _timer;
    private readonly TimeProvider _clock;

    public IdleSweep(TimeProvider clock)
    {
        _clock = clock;
        _timer = clock.CreateTimer(static state => ((IdleSweep)state!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Watches a body from its first read that waits until it has ended.</summary>
    public void Add(RequestBody body)
    {
        lock (_gate)
        {
            if (_waiting.Add(body) && _waiting.Count == 1)
                _timer.Change(Period, Period);
        }
    }

    public void Remove(RequestBody body)
    {
        lock (_gate)
            _waiting.Remove(body);
    }

    public long Now => _clock.GetTimestamp();

    /// <summary>The timestamp so much later.</summary>
    public long After(long timestamp, TimeSpan time) => timestamp + (long)(time.TotalSeconds * _clock.TimestampFrequency);

    public TimeSpan Between(long one, long other) => _clock.GetElapsedTime(one, other);

    public void Dispose() => _timer.Dispose();

    private void Sweep()
    {
        RequestBody[] waiting;
        lock (_gate)
        {
            // Left running until a sweep finds nothing: a busy server would switch it on and off with every upload.
            if (_waiting.Count == 0)
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            waiting = [.. _waiting];
        }

        var now = Now;
        foreach (var body in waiting)
            body.EndIfLate(now);
    }
}
