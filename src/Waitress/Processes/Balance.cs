namespace Waitress.Processes;

/// <summary>
/// Who accepts the next connection of a shared socket: a worker whose open connections are no more than any other's. Left to the kernel,
/// the process that happens to wake first would take most of them, and a few long keep-alive connections could all end up with one worker.
/// Among equals, as with connections so short that mostly none is open, it goes by turns.
/// A worker that gives a connection away (<see cref="Rebalancer"/>) says whom the next one is for, whatever the counts.
/// At any time at least one serving worker may accept: that one, else among those with the fewest connections the one with the fewest turns.
/// </summary>
internal sealed class Balance(Scoreboard board, int slot, TimeProvider time)
{
    /// <summary>
    /// A worker whose heartbeat is older does not count: it hangs, or died and is not yet replaced. Heartbeats come once a second at least.
    /// </summary>
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(2);

    // Under eight connections each one counts; above, a share of an eighth more than another is even enough and saves most of the wake-ups.
    private const int LoadShare = 8;

    // How far one may be ahead among equals: large enough that waking the others is rare, small against any number worth comparing.
    private const long TurnSlack = 8;

    // A worker that was busy with long connections does not make up for all the turns that it missed meanwhile.
    private const long MostTurnsBehind = 32;

    // For a client to come again: a few round trips over a slow network. Other connections that come meanwhile have the same receiver.
    private const long GiftTime = 1_000_000_000;

    // By slot, what it had accepted when it was found not to accept; it does not count until that changes.
    private readonly long[] _distrusted = NoneDistrusted(board.Slots);
    private readonly long[] _before = new long[board.Slots];

    /// <summary>Whether this worker may take a connection now. This, and the two below, on the acceptor's thread.</summary>
    public bool MayAccept() => MayAccept(slot);

    /// <summary>Remembers what the others have accepted so far.</summary>
    public void BeginWait()
    {
        for (var other = 0; other < _before.Length; other++)
            _before[other] = board[other, Field.Accepted];
    }

    /// <summary>Connections wait, and those that have accepted nothing since <see cref="BeginWait"/> don't take them: they don't count until they do.</summary>
    public void Distrust()
    {
        for (var other = 0; other < _before.Length; other++)
        {
            if (other != slot && board[other, Field.Accepted] == _before[other])
                _distrusted[other] = _before[other];
        }
    }

    /// <summary>Writes down that connections were opened or closed. Called one at a time: under the lock that counts them.</summary>
    public void Note(int open, bool accepted)
    {
        board[slot, Field.Connections] = open;
        if (!accepted)
            return;
        board[slot, Field.Accepted]++;
        board[slot, Field.Turns] = Math.Max(board[slot, Field.Turns] + 1, MostTurnsOfOthers() - MostTurnsBehind);
    }

    /// <summary>A new worker starts level with the others, else it would get every connection until it has caught up.</summary>
    public void Join() => board[slot, Field.Turns] = MostTurnsOfOthers();

    /// <summary>The next connection is for that slot's worker: within a second, unless it hangs.</summary>
    public void Give(int receiver)
    {
        board[slot, Field.GivesTo] = 0;
        board[slot, Field.GivesAfter] = board[receiver, Field.Accepted];
        board[slot, Field.GivesUntil] = Monotonic.Now(time) + GiftTime;
        board[slot, Field.GivesTo] = receiver + 1;
    }

    /// <summary>Whether a slot's worker is there to accept.</summary>
    public bool Counts(int other) => IsServing(other) && board[other, Field.Paused] == 0;

    /// <summary>The slots that wait to be told, and may accept by now.</summary>
    public IEnumerable<int> Eligible()
    {
        for (var other = 0; other < board.Slots; other++)
        {
            if (other != slot && board[other, Field.WantsToAccept] != 0 && MayAccept(other))
                yield return other;
        }
    }

    private bool MayAccept(int asking)
    {
        if (Receiver(asking) is var receiver and >= 0)
            return receiver == asking;
        var own = board[asking, Field.Connections];
        for (var other = 0; other < board.Slots; other++)
        {
            if (other == asking || !Counts(other) || IsDistrusted(asking, other))
                continue;
            var theirs = board[other, Field.Connections];
            if (own > theirs + (theirs / LoadShare))
                return false;
            if (own == theirs && board[asking, Field.Turns] > board[other, Field.Turns] + TurnSlack)
                return false;
        }

        return true;
    }

    private bool IsDistrusted(int asking, int other) => asking == slot && board[other, Field.Accepted] == _distrusted[other];

    // Whom somebody gives the next connection, the one that asks before others; -1: nobody does. Over once the receiver has accepted one.
    private int Receiver(int asking)
    {
        var found = -1;
        for (var giver = 0; giver < board.Slots; giver++)
        {
            var receiver = (int)board[giver, Field.GivesTo] - 1;
            if (receiver < 0 || receiver >= board.Slots || board[receiver, Field.Accepted] != board[giver, Field.GivesAfter]
                || Monotonic.Now(time) > board[giver, Field.GivesUntil] || !Counts(receiver) || IsDistrusted(asking, receiver))
                continue;
            if (receiver == asking)
                return asking;
            found = receiver;
        }

        return found;
    }

    private long MostTurnsOfOthers()
    {
        var most = 0L;
        for (var other = 0; other < board.Slots; other++)
        {
            if (other != slot && IsServing(other))
                most = Math.Max(most, board[other, Field.Turns]);
        }

        return most;
    }

    private static long[] NoneDistrusted(int slots)
    {
        var none = new long[slots];
        Array.Fill(none, -1);
        return none;
    }

    private bool IsServing(int other) =>
        board[other, Field.State] == (long)SlotState.Serving && Monotonic.Now(time) - board[other, Field.Heartbeat] < Stale.Ticks * TimeSpan.NanosecondsPerTick;
}
