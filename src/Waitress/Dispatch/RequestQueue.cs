using System.Diagnostics.CodeAnalysis;

namespace Waitress.Dispatch;

/// <summary>
/// Stage 4: requests that are complete and wait for a Python thread, first in, first out.
///
/// Receives them from I/O threads, hands them to the threads that sit in <see cref="Seat"/>s. Bounded: a full queue refuses.
/// A seat that keeps up is the only one that is woken (last in, first out): a hand-over between threads costs more than a
/// small app. How many seats may take work at once, the target, is the <see cref="Pacer"/>'s decision; seats come and go with their threads.
/// All state is guarded by one lock that is held for some tens of nanoseconds, never while waiting.
/// </summary>
internal sealed class RequestQueue<T>(int capacity, TimeProvider time)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly Queue<(T Item, long Since)> _waiting = new();
    private readonly List<Seat> _idle = []; // The end is the one that rested last.
    private int _seats, _active, _onTheirWay;
    private int _target = 1;
    private long _taken;
    private bool _closed;

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
            if (_waiting.Count - _onTheirWay - (_seats - _active) >= capacity)
                return Admission.Full;
            _waiting.Enqueue((item, time.GetTimestamp()));
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
            if (_active > _target || !_waiting.TryDequeue(out var next))
            {
                (item, since) = (null, 0);
                return false;
            }

            _taken++;
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
            var late = _waiting.TryPeek(out var head) && time.GetElapsedTime(head.Since) > limit;
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
            _seats++;
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
            _seats--;
            if (seat.Active)
                _active--;
            seat.Active = false;
            woken = PopIdle();
        }

        woken?.Wake();
    }

    /// <summary>Sends up to that many resting seats home, those first that have rested for longest. How many went.</summary>
    public int Dismiss(int count)
    {
        lock (_gate)
        {
            count = Math.Clamp(count, 0, _idle.Count);
            foreach (var seat in _idle[..count])
            {
                seat.Present = false;
                _seats--;
                seat.Wake();
            }

            _idle.RemoveRange(0, count);
            return count;
        }
    }

    /// <summary>Rests in the seat until there is work for it; false when the queue is closed and empty, or the seat is to go home.</summary>
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

            if (!seat.Present || (_waiting.Count == 0 && _closed))
                return false;
            if (_waiting.Count > 0 && _active < _target)
            {
                Activate(seat);
                return true;
            }

            _idle.Add(seat);
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
            _target = int.MaxValue; // Nobody rests any more: who finds the queue empty goes home.
            foreach (var seat in _idle)
                seat.Wake();
            _idle.Clear();
        }
    }

    /// <summary>Lets that many seats take work at once, and wakes one if work waits.</summary>
    public void Retarget(int count)
    {
        Seat? woken;
        lock (_gate)
        {
            if (!_closed)
                _target = Math.Max(count, 1);
            woken = PopIdle();
        }

        woken?.Wake();
    }

    public QueueState Read()
    {
        lock (_gate)
        {
            var oldest = _waiting.TryPeek(out var head) ? time.GetElapsedTime(head.Since) : TimeSpan.Zero;
            return new QueueState(_waiting.Count, oldest, _taken, _active, _seats - _active, _target);
        }
    }

    private Seat? PopIdle()
    {
        // Closed seats go home instead of working; a seat is never woken for nothing.
        if (_waiting.Count == 0 || _active >= _target || _idle.Count == 0)
            return null;
        var seat = _idle[^1];
        _idle.RemoveAt(_idle.Count - 1);
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
        _active++;
    }
}
