using System.Diagnostics.CodeAnalysis;

namespace Waitress.Dispatch;

/// <summary>
/// Stage 4: requests that are complete and wait for a Python thread, first in, first out.
///
/// Receives them from I/O threads, hands them to the threads that sit in <see cref="Seat"/>s. Bounded: a full queue refuses.
/// A seat that keeps up is the only one that is woken (last in, first out): a hand-over between threads costs more than a
/// small app. How many seats may take work at once, the target, is the <see cref="Pacer"/>'s decision.
/// All state is guarded by one lock that is held for some tens of nanoseconds, never while waiting.
/// </summary>
internal sealed class RequestQueue<T>(int capacity, int seats, TimeProvider time)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly Queue<(T Item, long Since)> _waiting = new();
    private readonly Stack<Seat> _idle = new(seats);
    private int _active;
    private int _target = 1;
    private long _taken;
    private bool _closed;

    /// <summary>False when the queue is full or closed; the request then gets an answer at once.</summary>
    public bool TryAdd(T item)
    {
        Seat? woken;
        lock (_gate)
        {
            if (_closed || _waiting.Count >= capacity)
                return false;
            _waiting.Enqueue((item, time.GetTimestamp()));
            woken = PopIdle();
        }

        woken?.Wake();
        return true;
    }

    /// <summary>The next request for a seat that is active; false when there is none or the seat shall rest.</summary>
    public bool TryTake([NotNullWhen(true)] out T? item)
    {
        Seat? woken;
        lock (_gate)
        {
            if (_active > _target || !_waiting.TryDequeue(out var next))
            {
                item = null;
                return false;
            }

            _taken++;
            item = next.Item;
            woken = PopIdle();
        }

        woken?.Wake();
        return true;
    }

    /// <summary>Rests in the seat until there is work for it; false when the queue is closed and empty.</summary>
    public bool Wait(Seat seat)
    {
        lock (_gate)
        {
            if (seat.Active)
            {
                if (_waiting.Count > 0 && _active <= _target)
                    return true;
                seat.Active = false;
                _active--;
            }

            if (_waiting.Count == 0 && _closed)
                return false;
            if (_waiting.Count > 0 && _active < _target)
            {
                Activate(seat);
                return true;
            }

            _idle.Push(seat);
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
            _target = seats; // Nobody rests any more: who finds the queue empty goes home.
            while (_idle.TryPop(out var seat))
                seat.Wake();
        }
    }

    /// <summary>Lets that many seats take work at once, and wakes one if work waits.</summary>
    public void Retarget(int count)
    {
        Seat? woken;
        lock (_gate)
        {
            _target = Math.Clamp(count, 1, seats);
            woken = PopIdle();
        }

        woken?.Wake();
    }

    public QueueState Read()
    {
        lock (_gate)
        {
            var oldest = _waiting.TryPeek(out var head) ? time.GetElapsedTime(head.Since) : TimeSpan.Zero;
            return new QueueState(_waiting.Count, oldest, _taken, _active, seats - _active, _target);
        }
    }

    private Seat? PopIdle()
    {
        // Closed seats go home instead of working; a seat is never woken for nothing.
        if (_waiting.Count == 0 || _active >= _target || !_idle.TryPop(out var seat))
            return null;
        Activate(seat);
        return seat;
    }

    private void Activate(Seat seat)
    {
        seat.Active = true;
        _active++;
    }
}

/// <summary>What the queue looks like at one moment.</summary>
/// <param name="Waiting">Requests that no thread has taken yet.</param>
/// <param name="Oldest">How long the first of them has waited.</param>
/// <param name="Taken">Requests handed out since the start.</param>
/// <param name="Active">Seats that take work.</param>
/// <param name="Idle">Seats that rest.</param>
/// <param name="Target">How many may be active.</param>
internal readonly record struct QueueState(int Waiting, TimeSpan Oldest, long Taken, int Active, int Idle, int Target);
