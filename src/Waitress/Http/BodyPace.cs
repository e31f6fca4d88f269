using Waitress.Configuration;

namespace Waitress.Http;

/// <summary>
/// Whether a request's body comes fast enough. Counted is the time in which the server waits for the client, and that alone: neither a full
/// disk's nor an app's that reads in its own time. The client falls behind by the time it lets us wait, and catches up by what it
/// sends, a second for each <c>min_body_rate</c> bytes; it is given up when it is <c>channel_timeout</c> behind, so that a pause of
/// that length is as good as ever, and trickling is not; or when all waits together reach <c>body_timeout</c>. Used by one thread at a time.
/// </summary>
internal sealed class BodyPace(Settings settings)
{
    private TimeSpan _behind, _waited;

    /// <summary>How long the next wait may last.</summary>
    public TimeSpan Patience
    {
        get
        {
            var silence = TimeSpan.FromSeconds(settings.ChannelTimeout) - _behind;
            var all = settings.BodyTimeout > 0 ? TimeSpan.FromSeconds(settings.BodyTimeout) - _waited : silence;
            return TimeSpan.FromTicks(Math.Max(0, Math.Min(silence.Ticks, all.Ticks)));
        }
    }

    /// <summary>A read has ended.</summary>
    /// <param name="bytes">What it brought.</param>
    /// <param name="waited">How long it had to wait for the client.</param>
    public void Note(long bytes, TimeSpan waited)
    {
        _waited += waited;
        if (settings.MinBodyRate == 0 && bytes > 0)
            _behind = TimeSpan.Zero; // A single byte is a sign of life.
        else if (_behind + waited is var behind && behind > TimeSpan.Zero)
            _behind = TimeSpan.FromTicks(Math.Max(0, behind.Ticks - (long)(bytes * (double)TimeSpan.TicksPerSecond / Math.Max(1, settings.MinBodyRate))));
    }

    public void Reset() => _behind = _waited = TimeSpan.Zero;
}
