namespace Waitress.Tracing;

/// <summary>
/// How many traces may begin here: so many per second, and as many at once after a quiet second. Decided before anything is recorded, so that a trace is there as a
/// whole or not at all, where a full queue would tear spans out of it. One time, as in Guards.RequestRates. Any thread.
/// </summary>
/// <param name="perSecond">How many.</param>
internal sealed class TraceAllowance(int perSecond)
{
    private readonly long _interval = TimeProvider.System.TimestampFrequency / perSecond;
    private long _until;

    /// <param name="now">When the request came, a timestamp of TimeProvider.System, which its exchange has anyway.</param>
    public bool Take(long now)
    {
        while (true)
        {
            var until = Volatile.Read(ref _until);
            var next = Math.Max(until, now) + _interval;
            if (next - now > TimeProvider.System.TimestampFrequency)
                return false;
            if (Interlocked.CompareExchange(ref _until, next, until) == until)
                return true;
        }
    }
}
