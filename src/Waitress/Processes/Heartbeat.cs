using System.Net.Sockets;

namespace Waitress.Processes;

/// <summary>
/// Writes this worker's figures to its slot: every 250 ms while anything happens, else once a second. A timer sends a byte through the
/// I/O thread, and that thread writes; so the time of the last heartbeat tells that timers, pool and I/O thread all turn.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(250);

    // Of the busy period: at rest every fourth.
    private const int TicksAtRest = 4;

    private readonly Scoreboard _board;
    private readonly int _slot;
    private readonly Wakers _wakers;
    private readonly TimeProvider _time;
    private readonly Action<Scoreboard, int> _write;
    private readonly Action? _written;
    private readonly ITimer _timer;
    private readonly byte[] _received = new byte[16];
    private long _completed = -1;
    private int _skipped;
    private volatile bool _ended;

    /// <param name="board">Where to write.</param>
    /// <param name="slot">This worker's slot.</param>
    /// <param name="wakers">For the way through the I/O thread.</param>
    /// <param name="time">The clock.</param>
    /// <param name="write">Writes the figures that only the server knows.</param>
    /// <param name="written">Called after each time, on the I/O thread.</param>
    public Heartbeat(Scoreboard board, int slot, Wakers wakers, TimeProvider time, Action<Scoreboard, int> write, Action? written = null)
    {
        (_board, _slot, _wakers, _time, _write, _written) = (board, slot, wakers, time, write, written);
        _timer = time.CreateTimer(static self => ((Heartbeat)self!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Start()
    {
        Write();
        _ = ReceiveAsync();
        _timer.Change(Busy, Busy);
    }

    /// <summary>Writes all figures now; also the last thing of a worker.</summary>
    public void Write()
    {
        _write(_board, _slot);
        _board[_slot, Field.Heartbeat] = Monotonic.Now(_time);
    }

    public void Dispose()
    {
        _ended = true;
        _timer.Dispose();
    }

    private void Tick()
    {
        var completed = _board[_slot, Field.Completed] + _board[_slot, Field.Accepted];
        var moved = completed != _completed || _board[_slot, Field.InFlight] != 0;
        _completed = completed;
        _skipped = moved ? 0 : (_skipped + 1) % TicksAtRest;
        if (_skipped == 0)
            Wakers.Send(_wakers.Own);
    }

    private async Task ReceiveAsync()
    {
        try
        {
            while (!_ended && await _wakers.Echo.ReceiveAsync(_received) > 0)
            {
                if (_ended)
                    continue;
                Write();
                _written?.Invoke();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // No heartbeat any more: the supervisor takes this worker for hung, and replaces it.
        }
    }
}
