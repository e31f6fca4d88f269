using Waitress.Telemetry;

namespace Waitress.Guards;

/// <summary>Why somebody was kept out, or was too slow.</summary>
internal enum GuardReason
{
    /// <summary>A connection from an address that <c>deny</c> or <c>allow</c> keeps out, closed at accept.</summary>
    DeniedAddress,

    /// <summary>A connection beyond <c>limit_per_address</c>, closed at accept.</summary>
    TooManyConnections,

    /// <summary>A request of a client that <c>deny</c> or <c>allow</c> keeps out: 403.</summary>
    DeniedClient,

    /// <summary>A request beyond <c>rate_limit</c>: 429.</summary>
    TooManyRequests,

    /// <summary>A head that was not there in <c>header_timeout</c>: 408.</summary>
    SlowHead,

    /// <summary>A body that was too slow (<c>min_body_rate</c>, <c>body_timeout</c>, <c>channel_timeout</c>): 408.</summary>
    SlowBody,
}

/// <summary>
/// Counts whom the guards have kept out, by reason, and tells of those that may come by the thousand in sums: the first at once, what
/// follows every ten seconds. A log entry each would be the attacker's to order. Any thread.
/// </summary>
/// <param name="log">Where it is told.</param>
/// <param name="time">Measures the pauses.</param>
/// <param name="counted">Told of each.</param>
internal sealed class GuardCounts(Mailbox? log, TimeProvider time, Action<GuardReason>? counted = null) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    // Slow heads and bodies have an entry each, as every other refused request: a client has to hold a connection for long to make one.
    private static readonly LogEvent?[] Events =
        [LogEvent.ConnectionsDenied, LogEvent.ConnectionsOverLimit, LogEvent.RequestsDenied, LogEvent.RequestsOverRate, null, null];

    private readonly Lock _gate = new();
    private readonly long[] _counts = new long[Events.Length];
    private readonly long[] _told = new long[Events.Length];
    private readonly object?[] _last = new object?[Events.Length];
    private ITimer? _timer;
    private bool _disposed;

    /// <summary>How often it has happened.</summary>
    public long this[GuardReason reason] => Volatile.Read(ref _counts[(int)reason]);

    /// <param name="reason">What happened.</param>
    /// <param name="who">Whom it happened to; written down when it is told.</param>
    public void Note(GuardReason reason, object? who)
    {
        Interlocked.Increment(ref _counts[(int)reason]);
        counted?.Invoke(reason);
        if (Events[(int)reason] is null)
            return;
        lock (_gate)
        {
            _last[(int)reason] = who;
            if (_timer is not null || _disposed)
                return;
            _timer = time.CreateTimer(static self => ((GuardCounts)self!).OnPause(), this, Pause, Pause);
            Tell();
        }
    }

    /// <summary>Tells of those that no pause would come for any more; at the stop, while there is somebody to tell.</summary>
    public void TellRest()
    {
        lock (_gate)
            Tell();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _timer?.Dispose();
            _timer = null;
        }
    }

    private void OnPause()
    {
        lock (_gate)
        {
            // Quiet for a pause: the next one is told at once again.
            if (Tell() || _timer is null)
                return;
            _timer.Dispose();
            _timer = null;
        }
    }

    private bool Tell()
    {
        var told = false;
        for (var reason = 0; reason < Events.Length; reason++)
        {
            var count = Volatile.Read(ref _counts[reason]) - _told[reason];
            if (count == 0 || Events[reason] is not { } entry)
                continue;
            log?.Post(entry, count, _last[reason]);
            _told[reason] += count;
            told = true;
        }

        return told;
    }
}
