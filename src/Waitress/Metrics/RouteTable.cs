using Waitress.Http;

namespace Waitress.Metrics;

/// <summary>What was measured of one route.</summary>
internal struct RouteFigures
{
    public long Requests, Errors, Time, Longest;

    public void Add(in RouteFigures other)
    {
        Requests += other.Requests;
        Errors += other.Errors;
        Time += other.Time;
        Longest = Math.Max(Longest, other.Longest);
    }
}

/// <summary>
/// The routes of the last five minutes: method and path, in which what looks like an identifier is {n}. Bounded whatever clients ask for: slices of
/// half a minute, each with so many routes; further ones are left out, and that is told. A request costs a lock and a look-up, so it counts only once
/// somebody wants to know; and when quick ones come by the ten thousand, one in sixteen is looked at and stands for all.
/// </summary>
/// <param name="time">Measures.</param>
/// <param name="exact">So many quick requests of a slice are each looked at.</param>
internal sealed class RouteTable(TimeProvider time, int exact = 10_000)
{
    public const int Seconds = Slices * SliceSeconds;
    private const int Slices = 10, SliceSeconds = 30, MostRoutes = 500, LongestRoute = 160;

    // Shorter ones may be words: "cafe", "face".
    private const int LeastHexDigits = 16;

    // A route that is worth a look takes longer than this.
    private const long QuickNanoseconds = 1_000_000;
    private const int Share = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, RouteFigures>[] _slices = [.. Enumerable.Range(0, Slices).Select(_ => new Dictionary<string, RouteFigures>(StringComparer.Ordinal))];
    private readonly long[] _lost = new long[Slices];
    private readonly long _begin = time.GetTimestamp();
    private long _slice;
    private int _quick; // Of the slice. Counted without the lock: one that two threads count at once does not matter among ten thousand.
    private volatile bool _wanted = true;

    /// <summary>
    /// Whether requests are counted: from the start where a status page is served, else since <c>waitress-ctl top</c> has asked for the first time.
    /// </summary>
    public bool Wanted
    {
        get => _wanted;
        set => _wanted = value;
    }

    /// <summary>An ended request; on the thread that ended it.</summary>
    public void Record(Exchange exchange)
    {
        if (!_wanted)
            return;
        var took = time.GetElapsedTime(exchange.Times.Began).Ticks * TimeSpan.NanosecondsPerTick;
        Record(exchange.Line.Method, exchange.Line.Target, took, failed: (exchange.Response.Refused?.Status ?? exchange.Response.Status) >= 500);
    }

    /// <summary>The same, by what it is about it.</summary>
    public void Record(string method, string target, long took, bool failed)
    {
        var now = time.GetTimestamp();
        var weight = 1;
        if (took < QuickNanoseconds && !failed && ++_quick > exact)
        {
            if (_quick % Share != 0 && !IsNextSlice(now))
                return;
            weight = Share;
        }

        Span<char> route = stackalloc char[LongestRoute];
        var length = Fold(method, target, route);
        var figures = new RouteFigures { Requests = weight, Errors = failed ? 1 : 0, Time = took * weight, Longest = took };
        lock (_gate)
        {
            Turn(now);
            var slice = _slices[_slice % Slices];
            var routes = slice.GetAlternateLookup<ReadOnlySpan<char>>();
            if (routes.TryGetValue(route[..length], out var known))
                figures.Add(known);
            else if (slice.Count >= MostRoutes)
            {
                _lost[_slice % Slices]++;
                return;
            }

            routes[route[..length]] = figures;
        }
    }

    /// <summary>Every route with its figures, and whether some were left out.</summary>
    public (Dictionary<string, RouteFigures> Routes, bool Partial) Read()
    {
        var all = new Dictionary<string, RouteFigures>(StringComparer.Ordinal);
        lock (_gate)
        {
            Turn(time.GetTimestamp());
            foreach (var (route, figures) in _slices.SelectMany(slice => slice))
            {
                var sum = all.GetValueOrDefault(route);
                sum.Add(figures);
                all[route] = sum;
            }

            return (all, _lost.Any(lost => lost > 0));
        }
    }

    /// <summary>Writes "METHOD path" with its identifiers folded; how much was written.</summary>
    public static int Fold(ReadOnlySpan<char> method, ReadOnlySpan<char> target, Span<char> into)
    {
        var written = 0;
        Put(method[..Math.Min(method.Length, 20)], into, ref written);
        Put(" ", into, ref written);
        target = target.IndexOf('?') is var query and >= 0 ? target[..query] : target;
        while (!target.IsEmpty)
        {
            var end = target[1..].IndexOf('/') is var next and >= 0 ? next + 1 : target.Length;
            var part = target[..end];
            target = target[end..];
            if (part[0] == '/' && IsIdentifier(part[1..]))
                Put("/{n}", into, ref written);
            else
                Put(part, into, ref written);
        }

        return written;
    }

    private static void Put(ReadOnlySpan<char> text, Span<char> into, ref int written)
    {
        text = text[..Math.Min(text.Length, into.Length - written)];
        text.CopyTo(into[written..]);
        written += text.Length;
    }

    private static bool IsIdentifier(ReadOnlySpan<char> part)
    {
        var (digits, hex) = (0, 0);
        foreach (var c in part)
        {
            if (char.IsAsciiDigit(c))
                digits++;
            else if (char.IsAsciiHexDigit(c))
                hex++;
            else if (c != '-')
                return false;
        }

        return digits > 0 && ((hex == 0 && digits == part.Length) || digits + hex >= LeastHexDigits);
    }

    private bool IsNextSlice(long now) => SliceOf(now) > Volatile.Read(ref _slice);

    private long SliceOf(long now) => (long)time.GetElapsedTime(_begin, now).TotalSeconds / SliceSeconds;

    // The slices that time has passed over begin anew.
    private void Turn(long now)
    {
        var slice = SliceOf(now);
        if (slice <= _slice)
            return;
        _quick = 0;
        for (var passed = Math.Max(_slice + 1, slice - Slices + 1); passed <= slice; passed++)
        {
            _slices[passed % Slices].Clear();
            _lost[passed % Slices] = 0;
        }

        Volatile.Write(ref _slice, slice);
    }
}
