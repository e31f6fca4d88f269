using System.Globalization;
using Waitress.Processes;

namespace Waitress.Guards;

/// <summary>A rate of requests: so many per period, and how many of them may come at once.</summary>
internal readonly record struct RequestRate(int Count, char Unit, int Burst)
{
    /// <summary>More is no limit that anybody could reach; and an interval below a microsecond would be noise.</summary>
    public const int Most = 1_000_000;

    /// <summary>Nanoseconds between two requests of a client that keeps exactly to the rate.</summary>
    public long Interval => Seconds * 1_000_000_000L / Count;

    private int Seconds => Unit switch { 's' => 1, 'm' => 60, _ => 3600 };

    /// <summary><c>N/s</c>, <c>N/m</c> or <c>N/h</c>, and with <c>:BURST</c> how many at once; else that is N.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out RequestRate rate)
    {
        rate = default;
        var colon = text.IndexOf(':');
        var perPeriod = colon < 0 ? text : text[..colon];
        if (perPeriod.Length < 3 || perPeriod[^2] != '/' || perPeriod[^1] is not ('s' or 'm' or 'h') || !TryCount(perPeriod[..^2], out var count))
            return false;
        var burst = count;
        if (colon >= 0 && !TryCount(text[(colon + 1)..], out burst))
            return false;
        rate = new RequestRate(count, perPeriod[^1], burst);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count}/{Unit}{(Burst == Count ? "" : $":{Burst}")}");

    private static bool TryCount(ReadOnlySpan<char> text, out int count) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count is > 0 and <= Most;
}

/// <summary>
/// How many requests each client has sent lately, by the generic cell rate algorithm (ITU-T I.371): per client one number, the time at which it
/// will be as if it had never sent anything. So an entry whose time has passed is a free place, nothing has to be swept, and a
/// client that keeps to the rate is never refused. Any thread.
/// </summary>
internal sealed class RequestRates(RequestRate rate, ClientTable table, TimeProvider time)
{
    /// <summary>Clients that are told apart at the same time: 2 MiB. Of more, those that were quiet for longest are forgotten.</summary>
    public const int Clients = 131_072;

    private readonly Lock _gate = new();
    private readonly long _interval = rate.Interval;

    /// <summary>Counts a request. 0, or in how many seconds (rounded up) one would be let through; then it does not count.</summary>
    public int Take(ulong client)
    {
        lock (_gate)
        {
            var now = Monotonic.Now(time);
            var most = _interval * rate.Burst;

            // Never more than a whole burst ahead: a former server of the same table may have had a slower rate.
            var ahead = Math.Clamp((table.Find(client) ?? 0) - now, 0, most);
            if (ahead > most - _interval)
                return (int)Math.Min((ahead - (most - _interval) + 999_999_999) / 1_000_000_000, int.MaxValue);
            table.Set(now + ahead + _interval, giveWay: long.MaxValue);
            return 0;
        }
    }
}
