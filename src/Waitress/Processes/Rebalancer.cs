namespace Waitress.Processes;

/// <summary>How many requests a connection had since a count began; each connection keeps its own.</summary>
internal struct RequestTally
{
    public int Round, Requests;
}

/// <summary>
/// Moves a connection to another worker where this one has served too much: one answer says <c>Connection: close</c>, the client comes again, and the
/// receiver alone may accept it (<see cref="Balance.Give"/>). The connection is one of several here, is busy, and has been open for a while. At most one
/// a second; where it does not help, less and less often.
/// Looks on the heartbeat's thread; answers ask from any.
/// </summary>
internal sealed class Rebalancer(RequestShares shares, Action<int> give, TimeProvider time)
{
    // A connection that is not kept, or is about to be closed, need not be told to go.
    private const int LeastServed = 16;

    // On average of a connection: so many requests tell a busy one from one that is hardly used.
    private const int Telling = 4;

    // Until one is found: a second.
    private const int MostLooks = 4;

    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(8);

    private int _step = (int)Step.Rest;
    private int _round, _requests, _connections;
    private int _receiver = -1;

    // The heartbeat's own.
    private int _looks;
    private double _hopedFor = 1;
    private TimeSpan _wait;
    private long _waitsSince;
    private bool _moved;

    private enum Step
    {
        /// <summary>Nothing is to be moved.</summary>
        Rest,

        /// <summary>It is uneven: requests are counted by connection.</summary>
        Counting,

        /// <summary>The next connection that suits goes.</summary>
        Choosing,

        /// <summary>One went; the heartbeat has not seen it yet.</summary>
        Moved,
    }

    /// <summary>With each heartbeat, after the figures were written.</summary>
    public void Look()
    {
        if (Volatile.Read(ref _step) == (int)Step.Moved)
        {
            shares.StartAnew();
            _moved = true;
            Rest();
        }

        var found = shares.Look();
        if (_moved && !double.IsNaN(found.Share))
            Learn(found.Share);
        switch ((Step)Volatile.Read(ref _step))
        {
            case Step.Rest when found.Receiver >= 0 && time.GetElapsedTime(_waitsSince) >= _wait:
                Begin();
                break;
            case Step.Counting or Step.Choosing when found.Receiver < 0:
                TryRest();
                break;
            case Step.Counting when found.IsDue && Volatile.Read(ref _requests) >= Telling * Volatile.Read(ref _connections):
                _looks = 0;
                _hopedFor = found.Share;
                Volatile.Write(ref _receiver, found.Receiver);
                Volatile.Write(ref _step, (int)Step.Choosing);
                break;
            case Step.Choosing when ++_looks >= MostLooks && TryRest():
                WaitLonger(); // None suits: there is one connection, or one with nearly all the requests, or none of HTTP/1.
                break;
        }
    }

    /// <summary>
    /// Counts an answer of HTTP/1, before its head leaves. True when its connection is one to be moved: if nothing else stands against it
    /// <see cref="TryMove"/> follows.
    /// </summary>
    /// <param name="tally">The connection's.</param>
    /// <param name="served">How many requests the connection has had.</param>
    public bool Suits(ref RequestTally tally, int served)
    {
        var step = Volatile.Read(ref _step);
        if (step is not ((int)Step.Counting or (int)Step.Choosing))
            return false;
        if (tally.Round != Volatile.Read(ref _round))
        {
            tally = new RequestTally { Round = Volatile.Read(ref _round) };
            Interlocked.Increment(ref _connections);
        }

        tally.Requests++;
        var all = Interlocked.Increment(ref _requests);
        return step == (int)Step.Choosing && served >= LeastServed && Suits(tally.Requests, all);
    }

    /// <summary>Whether this answer is to end its connection, which the receiver gets when the client comes again.</summary>
    public bool TryMove()
    {
        if (Interlocked.CompareExchange(ref _step, (int)Step.Moved, (int)Step.Choosing) != (int)Step.Choosing)
            return false;
        give(Volatile.Read(ref _receiver));
        return true;
    }

    // Half as busy as the average at least, else its going would change nothing; and not nearly all that there is: that would only be elsewhere too much.
    private bool Suits(int own, int all) =>
        (long)own * 2 * Volatile.Read(ref _connections) >= all && (long)own * 4 <= (long)all * 3;

    private void Begin()
    {
        Volatile.Write(ref _requests, 0);
        Volatile.Write(ref _connections, 0);
        Volatile.Write(ref _round, _round + 1);
        Volatile.Write(ref _step, (int)Step.Counting);
    }

    // What moves a connection from a worker that has the most moves some of its share too, if connections are what makes the difference.
    private void Learn(double share)
    {
        _moved = false;
        if (share < _hopedFor)
            _wait = TimeSpan.Zero;
        else
            WaitLonger();
    }

    private void WaitLonger()
    {
        _wait = _wait < FirstWait ? FirstWait : _wait * 2 > LongestWait ? LongestWait : _wait * 2;
        _waitsSince = time.GetTimestamp();
    }

    private void Rest() => Volatile.Write(ref _step, (int)Step.Rest);

    private bool TryRest()
    {
        var step = Volatile.Read(ref _step);
        return step != (int)Step.Moved && Interlocked.CompareExchange(ref _step, (int)Step.Rest, step) == step;
    }
}
