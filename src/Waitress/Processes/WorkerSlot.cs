using System.Net.Sockets;

namespace Waitress.Processes;

/// <summary>
/// This worker process among the others: its place on the scoreboard, the balance of connections, and its heartbeat. A server has one when a
/// supervisor handed it over. Start and stop come from any thread.
/// </summary>
internal sealed class WorkerSlot : IDisposable
{
    private readonly Scoreboard _board;
    private readonly int _slot;
    private readonly Heartbeat _heartbeat;
    private volatile bool _waiting;

    private WorkerSlot(Handoff handoff, Scoreboard board, TimeProvider time, Action<Scoreboard, int> write)
    {
        (_board, _slot) = (board, handoff.Slot);
        Wakers = new Wakers(handoff);
        Balance = new Balance(board, _slot, time);
        Rebalancer = new Rebalancer(new RequestShares(board, Balance, _slot, time), Give, time);
        _heartbeat = new Heartbeat(board, _slot, Wakers, time, write, Rebalancer.Look);
    }

    public Balance Balance { get; }

    /// <summary>Asked by answers whether their connection should go to another worker.</summary>
    public Rebalancer Rebalancer { get; }

    public Wakers Wakers { get; }

    /// <summary>What the workers know together of clients; null when the supervisor is of a version that has no room for it.</summary>
    public SharedClients? Clients => SharedClients.Of(_board, _slot);

    /// <param name="handoff">Of the supervisor.</param>
    /// <param name="time">The clock.</param>
    /// <param name="write">Writes the figures that only the server knows.</param>
    public static WorkerSlot Open(Handoff handoff, TimeProvider time, Action<Scoreboard, int> write)
    {
        var board = Scoreboard.Open(handoff.Board);
        if (handoff.Slot < board.Slots && handoff.Slot < handoff.Wakers.Count && handoff.Wakers[handoff.Slot] >= 0)
            return new WorkerSlot(handoff, board, time, write);
        board.Dispose();
        throw new ArgumentException("the hand-off to the worker names a slot that does not exist");
    }

    /// <summary>From now on this worker counts among those that accept.</summary>
    public void Start()
    {
        Balance.Join();
        _heartbeat.Start();
        _board[_slot, Field.State] = (long)SlotState.Serving;
    }

    /// <summary>From now on the others do not wait for this one to accept.</summary>
    public void BeginDrain()
    {
        _board[_slot, Field.State] = (long)SlotState.Draining;
        WakeEligible();
    }

    /// <summary>Says whether this worker waits for its turn to accept.</summary>
    public void Want(bool wanting)
    {
        _board[_slot, Field.WantsToAccept] = wanting ? 1 : 0;

        // Whoever changes its load looks at this after it wrote that, and we look at that after we wrote this: one of the two sees the other.
        Interlocked.MemoryBarrier();
    }

    /// <summary>
    /// Waits on the acceptor's thread while the condition holds: until a byte comes (another's load grew, a connection of ours closed, a
    /// stop) or for so long. True when a byte came or the condition did not hold at all.
    /// </summary>
    public bool WaitWhile(Func<bool> condition, TimeSpan atMost)
    {
        _waiting = true;
        Interlocked.MemoryBarrier();
        var woken = !condition() || Wakers.Own.Poll(atMost, SelectMode.SelectRead);
        _waiting = false;
        if (woken)
            Wakers.Clear();
        return woken;
    }

    /// <summary>A connection was closed: the acceptor that waits may be the one to accept by now.</summary>
    public void OnLeave()
    {
        Interlocked.MemoryBarrier();
        if (_waiting)
            Wakers.WakeOwn();
    }

    /// <summary>Says whether this worker can't accept whatever its load; those that waited for it go on.</summary>
    public void Pause(bool paused)
    {
        _board[_slot, Field.Paused] = paused ? 1 : 0;
        if (paused)
            WakeEligible();
    }

    /// <summary>The next connection is for that slot's worker.</summary>
    public void Give(int receiver)
    {
        Balance.Give(receiver);
        WakeEligible();
    }

    /// <summary>Wakes the workers that may accept now and wait to be told: after this one's load grew.</summary>
    public void WakeEligible()
    {
        Interlocked.MemoryBarrier();
        foreach (var slot in Balance.Eligible())
            Wakers.Wake(slot);
    }

    /// <summary>The final figures.</summary>
    public void End()
    {
        _heartbeat.Dispose();
        _heartbeat.Write();
    }

    public void Dispose()
    {
        _heartbeat.Dispose();
        _board.Dispose();
    }
}
