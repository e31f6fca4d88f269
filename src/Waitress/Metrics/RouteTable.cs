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
/// half a minute, each with so many routes; what comes beyond is counted as one. A request costs a lock and a look-up, so it counts only once somebody wants to know.
/// </summary>
internal sealed class RouteTable(TimeProvider time)
{
    public const int Seconds = Slices * SliceSeconds;
    private const int Slices = 10, SliceSeconds = 30, MostRoutes = 500, LongestRoute = 160;

    // Shorter ones may be words: "cafe", "face".
    private const int LeastHexDigits = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, RouteFigures>[] _slices = [.. Enumerable.Range(0, Slices).Select(_ => new Dictionary<string, RouteFigures>(StringComparer.Ordinal))];
    private readonly long[] _lost = new long[Slices];
    private readonly long _begin = time.GetTimestamp();
    private long _slice;
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
        var now = time.GetTimestamp();
        Span<char> route = stackalloc char[LongestRoute];
        var length = Fold(exchange.Line.Method, exchange.Line.Target, route);
        var took = (long)time.GetElapsedTime(exchange.Times.Began, now).TotalNanoseconds;
        var status = exchange.Response.Refused?.Status ?? exchange.Response.Status;
        var figures = new RouteFigures { Requests = 1, Errors = status >= 500 ? 1 : 0, Time = took, Longest = took };
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

    // The slices that time has passed over begin anew.
    private void Turn(long now)
    {
        var slice = (long)time.GetElapsedTime(_begin, now).TotalSeconds / SliceSeconds;
        if (slice <= _slice)
            return;
        for (var passed = Math.Max(_slice + 1, slice - Slices + 1); passed <= slice; passed++)
        {
            _slices[passed % Slices].Clear();
            _lost[passed % Slices] = 0;
        }

        _slice = slice;
    }
}
