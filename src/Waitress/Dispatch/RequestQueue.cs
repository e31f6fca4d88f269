using System.Diagnostics.CodeAnalysis;

namespace Waitress.Dispatch;

/// <summary>
/// Stage 4: requests that are complete and wait for a Python thread, first in, first out.
///
/// Receives them from I/O threads, hands them to the threads that sit in <see cref="Seat"/>s. Bounded: a full queue refuses.
/// A seat that keeps up is the only one that is woken (last in, first out): a hand-over between threads costs more than a
/// small app. How many seats may take work at once, the target, is the <see cref="Pacer"/>'s decision; seats come and go with their threads.
/// With several interpreters each has its <see cref="SeatGroup"/>; a request goes to the group with the fewest active seats.
/// All state is guarded by one lock that is held for some tens of nanoseconds, never while waiting.
/// </summary>
internal sealed class RequestQueue<T>
    where T : class
{
    private readonly int _capacity;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Queue<(T Item, long Since)> _waiting = new();
    private readonly SeatGroup _own = new(); // Of seats that name none.
    private readonly List<SeatGroup> _groups;
    private int _onTheirWay;
    private bool _closed;

    public RequestQueue(int capacity, TimeProvider time)
    {
        (_capacity, _time, _groups) = (capacity, time, [_own]);
    }

    /// <summary>A group for the seats of a further interpreter.</summary>
    public SeatGroup NewGroup()
    {
        var group = new SeatGroup();
        lock (_gate)
        {
            group.Target = _closed ? int.MaxValue : 1;
            _groups.Add(group);
        }

        return group;
    }

    /// <summary>Sends the seats of a group home, while others go on: those that serve when their request is done, at once those that rest.</summary>
    public void Retire(SeatGroup group)
    {
        lock (_gate)
        {
            group.Retired = true;
            _groups.Remove(group);
            foreach (var seat in group.Idle)
                seat.Wake();
            group.Idle.Clear();
        }
    }

    /// <summary>
    /// Queues the request, unless as many wait as may. One for which a seat rests, or is on its way, does not count as waiting: what the limit
    /// bounds is the wait for a thread that has something else to do.
    /// </summary>
    public Admission Add(T item)
    {
        Seat? woken;
        lock (_gate)
        {
            if (_closed)
                return Admission.Closed;
            if (_waiting.Count - _onTheirWay - CountFree() >= _capacity)
                return Admission.Full;
            _waiting.Enqueue((item, _time.GetTimestamp()));
            woken = PopIdle();
        }

        woken?.Wake();
        return Admission.Queued;
    }

    /// <summary>The next request for a seat that is active, and since when it waits; false when there is none or the seat shall rest.</summary>
    public bool TryTake(Seat seat, [NotNullWhen(true)] out T? item, out long since)
    {
        Seat? woken;
        lock (_gate)
        {
            Arrive(seat);
            var group = GroupOf(seat);
            if (group.Active > group.Target || group.Retired || !_waiting.TryDequeue(out var next))
            {
                (item, since) = (null, 0);
                return false;
            }

            group.Taken++;
            (item, since) = next;
            woken = PopIdle();
        }

        woken?.Wake();
        return true;
    }

    /// <summary>The first request, if it has waited for longer than that: then it is the caller's to refuse.</summary>
    public bool TryExpire(TimeSpan limit, [NotNullWhen(true)] out T? item)
    {
        lock (_gate)
        {
            var late = _waiting.TryPeek(out var head) && _time.GetElapsedTime(head.Since) > limit;
            item = late ? _waiting.Dequeue().Item : null;
            return late;
        }
    }

    /// <summary>A thread has come.</summary>
    public void Join(Seat seat)
    {
        lock (_gate)
        {
            seat.Present = true;
            GroupOf(seat).Seats++;
        }
    }

    /// <summary>A thread goes, or is given up while it serves: its place among the active ones is free at once.</summary>
    public void Leave(Seat seat)
    {
        Seat? woken;
        lock (_gate)
        {
            if (!seat.Present)
                return;
            Arrive(seat);
            seat.Present = false;
            GroupOf(seat).Seats--;
            if (seat.Active)
                GroupOf(seat).Active--;
            seat.Active = false;
            woken = PopIdle();
        }

        woken?.Wake();
    }

    /// <summary>Sends up to that many resting seats home, those first that have rested for longest. How many went.</summary>
    public int Dismiss(int count, SeatGroup? group = null)
    {
        lock (_gate)
        {
            group ??= _own;
            count = Math.Clamp(count, 0, group.Idle.Count);
            foreach (var seat in group.Idle[..count])
            {
                seat.Present = false;
                group.Seats--;
                seat.Wake();
            }

            group.Idle.RemoveRange(0, count);
            return count;
        }
    }

    /// <summary>Rests in the seat until there is work for it; false when the queue is closed and empty, or the seat is to go home.</summary>
    public bool Wait(Seat seat)
    {
        lock (_gate)
        {
            var group = GroupOf(seat);
            if (seat.Active)
            {
                if (_waiting.Count > 0 && group.Active <= group.Target && !group.Retired)
                    return true;
                seat.Active = false;
                group.Active--;
            }

            if (!seat.Present || group.Retired || (_waiting.Count == 0 && _closed))
                return false;
            if (_waiting.Count > 0 && group.Active < group.Target)
            {
                Activate(seat);
                return true;
            }

            group.Idle.Add(seat);
        }

        seat.Rest();
        return seat.Active;
    }

    /// <summary>No more requests are taken in; those that wait are still handed out, then the seats are sent home.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            foreach (var group in _groups)
            {
                group.Target = int.MaxValue; // Nobody rests any more: who finds the queue empty goes home.
                foreach (var seat in group.Idle)
                    seat.Wake();
                group.Idle.Clear();
            }
        }
    }

    /// <summary>Lets that many seats take work at once, and wakes one if work waits.</summary>
    public void Retarget(int count, SeatGroup? group = null)
    {
        Seat? woken;
        lock (_gate)
        {
            if (!_closed)
                (group ?? _own).Target = Math.Max(count, 1);
            woken = PopIdle();
        }

        woken?.Wake();
    }

    /// <summary>How the queue is, with the seats of one group.</summary>
    public QueueState Read(SeatGroup? group = null)
    {
        group ??= _own;
        lock (_gate)
            return new QueueState(_waiting.Count, Oldest, group.Taken, group.Active, group.Seats - group.Active, group.Target);
    }

    /// <summary>How the queue is, with the seats of all groups.</summary>
    public QueueState ReadAll()
    {
        lock (_gate)
        {
            return new QueueState(_waiting.Count, Oldest, _groups.Sum(group => group.Taken), _groups.Sum(group => group.Active), CountFree(),
                (int)Math.Min(_groups.Sum(group => (long)group.Target), int.MaxValue));
        }
    }

    private TimeSpan Oldest => _waiting.TryPeek(out var head) ? _time.GetElapsedTime(head.Since) : TimeSpan.Zero;

    private int CountFree()
    {
        var free = 0;
        foreach (var group in _groups)
            free += group.Seats - group.Active;
        return free;
    }

    private SeatGroup GroupOf(Seat seat) => seat.Group ?? _own;

    private Seat? PopIdle()
    {
        if (_waiting.Count == 0)
            return null;
        SeatGroup? chosen = null;
        foreach (var group in _groups)
        {
            if (group.IsWilling && (chosen is null || group.Active < chosen.Active))
                chosen = group;
        }

        // Closed seats go home instead of working; a seat is never woken for nothing.
        if (chosen is null)
            return null;
        var seat = chosen.Idle[^1];
        chosen.Idle.RemoveAt(chosen.Idle.Count - 1);
        Activate(seat);
        seat.OnItsWay = true;
        _onTheirWay++;
        return seat;
    }

    private void Arrive(Seat seat)
    {
        if (!seat.OnItsWay)
            return;
        seat.OnItsWay = false;
        _onTheirWay--;
    }

    private void Activate(Seat seat)
    {
        seat.Active = true;
        GroupOf(seat).Active++;
    }
}
