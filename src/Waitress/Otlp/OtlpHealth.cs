using Waitress.Telemetry;

namespace Waitress.Otlp;

/// <summary>
/// How the export of one signal is doing: a line in the log when that changes, none per attempt, and how long to wait before the next. Used by that signal's
/// thread.
/// </summary>
/// <param name="what">The signal, as the log calls it.</param>
/// <param name="url">Where it goes.</param>
/// <param name="log">Where changes are told.</param>
internal sealed class OtlpHealth(string what, Uri url, Mailbox log)
{
    // OTLP wants exponential pauses that are not alike for all clients.
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromSeconds(30);

    // A collector that wants to be left alone for longer is asked again after this.
    private static readonly TimeSpan MostPatience = TimeSpan.FromMinutes(5);

    private TimeSpan _pause = FirstPause;
    private bool _partial;

    public bool Failing { get; private set; }

    /// <summary>Takes note of an attempt.</summary>
    /// <param name="attempt">What came of it.</param>
    /// <param name="lost">What was lost since the trouble began, in words; empty: nothing.</param>
    public void Note(in Attempt attempt, string lost)
    {
        if (attempt.Delivery == Delivery.Done)
        {
            if (Failing)
                log.Post(LogEvent.OtlpBack, what, url, lost);
            (Failing, _pause) = (false, FirstPause);
            if (attempt.Reason is not null && !_partial)
                log.Post(LogEvent.OtlpPartial, url, what, attempt.Reason);
            _partial = attempt.Reason is not null;
            return;
        }

        if (!Failing)
            log.Post(LogEvent.OtlpFailed, what, url, attempt.Reason);
        Failing = true;
    }

    /// <summary>How long to wait before the next attempt: what the collector wants, else twice as long each time, and up to a quarter more by chance.</summary>
    public TimeSpan Pause(in Attempt attempt)
    {
        if (attempt.After is { } after)
            return after < MostPatience ? after : MostPatience;
        var pause = _pause;
        _pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        return pause * (1 + (Random.Shared.NextDouble() / 4));
    }
}
