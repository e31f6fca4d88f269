namespace Waitress.Dispatch;

/// <summary>
/// The seats of one interpreter. Those of a group share a GIL, so how many take work at once is decided for each group by itself; groups run
/// in parallel. Guarded by the lock of the <see cref="RequestQueue{T}"/> that made it.
/// </summary>
internal sealed class SeatGroup
{
    /// <summary>Seats that rest; the end is the one that rested last.</summary>
    public List<Seat> Idle { get; } = [];

    public int Seats { get; set; }

    /// <summary>Seats that take work.</summary>
    public int Active { get; set; }

    /// <summary>How many may be active.</summary>
    public int Target { get; set; } = 1;

    /// <summary>Requests handed to its seats since the start.</summary>
    public long Taken { get; set; }

    /// <summary>Whether its seats are sent home, each when its present request is done.</summary>
    public bool Retired { get; set; }

    /// <summary>Whether one of its seats could be woken for a request.</summary>
    public bool IsWilling => Active < Target && Idle.Count > 0;
}
