using System.Collections.Concurrent;

namespace Waitress.Http;

/// <summary>One request under way, as whoever asks sees it.</summary>
/// <param name="Id">Tells it from all others of the process.</param>
/// <param name="Began">As a timestamp.</param>
/// <param name="State">How far it is: body, queued, app or sending.</param>
/// <param name="Method">As sent.</param>
/// <param name="Path">Without the query, cut to a bound.</param>
/// <param name="Client">The client's address, that of a trusted proxy's client where there is one.</param>
internal sealed record LiveRequest(long Id, long Began, string State, string Method, string Path, string Client);

/// <summary>
/// The requests under way. Kestrel keeps an exchange for each connection, so this knows the connections, and a request costs nothing here: its exchange
/// tells by an odd number that it is in one, and whoever reads looks at the number before and after. Any thread may call.
/// </summary>
internal sealed class LiveRequests
{
    // A connection's number and the lower bits of its request's, in the 53 bits that JSON's readers keep.
    private const int RequestBits = 16;
    private const int LongestPath = 200;

    private readonly ConcurrentDictionary<long, Exchange> _exchanges = new();
    private long _made;

    public void Add(Exchange exchange)
    {
        var key = Interlocked.Increment(ref _made);
        _exchanges[key] = exchange;
        exchange.WhenClosed(() => _exchanges.TryRemove(key, out _));
    }

    /// <summary>The oldest, as many as asked for, and whether there are more.</summary>
    public (IReadOnlyList<LiveRequest> Oldest, bool More) Read(int most)
    {
        var all = _exchanges.Select(pair => Look(pair.Key, pair.Value)).OfType<LiveRequest>().OrderBy(request => request.Began).Take(most + 1).ToList();
        return all.Count > most ? (all[..most], true) : (all, false);
    }

    /// <summary>The exchange of a request that is still under way; null when it has ended.</summary>
    public Exchange? Find(long id) =>
        _exchanges.TryGetValue(id >> RequestBits, out var exchange) && exchange.Number is var number && number % 2 == 1 && Id(id >> RequestBits, number) == id
            ? exchange : null;

    private static LiveRequest? Look(long key, Exchange exchange)
    {
        var number = exchange.Number;
        Interlocked.MemoryBarrier();
        if (number % 2 == 0)
            return null;
        var (times, line, client) = (exchange.Times, exchange.Line, exchange.Client.RemoteAddr ?? exchange.Peer.Host);
        Interlocked.MemoryBarrier();
        if (exchange.Number != number || times.Began == 0)
            return null;
        var state = times.Queued == 0 ? "body" : times.Taken == 0 ? "queued" : times.Answered == 0 ? "app" : "sending";
        var path = line.Target.AsSpan();
        path = path.IndexOf('?') is var query and >= 0 ? path[..query] : path;
        return new LiveRequest(Id(key, number), times.Began, state, line.Method, path[..Math.Min(path.Length, LongestPath)].ToString(), client);
    }

    private static long Id(long key, int number) => (key << RequestBits) | (uint)(number & ((1 << RequestBits) - 1));
}
