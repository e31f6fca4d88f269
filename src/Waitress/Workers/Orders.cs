using Waitress.Admin;

namespace Waitress.Workers;

/// <summary>A request over its time, for the thread that runs the server: it logs the stack of the thread and raises in it.</summary>
/// <param name="Thread">The Python thread's ident.</param>
/// <param name="Number">What <see cref="Pool.Interrupt"/> knows the call by.</param>
/// <param name="Seconds">The limit.</param>
/// <param name="Request">Method and path.</param>
internal readonly record struct TimedOut(long Thread, long Number, double Seconds, string Request);

/// <summary>An event loop that does not turn, for the thread that runs the server: it logs the stack of the loop's thread.</summary>
/// <param name="Thread">The Python thread's ident.</param>
/// <param name="Seconds">For how long it has not turned.</param>
internal readonly record struct Stalled(long Thread, double Seconds);

/// <summary>
/// What only Python can do, on its way to the thread that runs the server: start threads, raise in one, have the process replaced. Posted from any
/// thread without the GIL. Bounded: a thread times out once, threads are a number, and there is one reason.
/// </summary>
internal sealed class Orders(Action wake)
{
    private readonly Lock _gate = new();
    private List<TimedOut> _timedOut = [];
    private List<Stalled> _stalled = [];
    private int _threads;
    private string? _recycle;
    private bool _collector;
    private List<(long Question, long Request)> _stacks = [];

    public void Grow(int threads)
    {
        lock (_gate)
            _threads += threads;
        wake();
    }

    public void Tell(TimedOut request)
    {
        lock (_gate)
            _timedOut.Add(request);
        wake();
    }

    public void Tell(Stalled loop)
    {
        lock (_gate)
            _stalled.Add(loop);
        wake();
    }

    /// <summary>Takes out the loops that stand still: one entry each, since a stall is told once.</summary>
    public IReadOnlyList<Stalled> TakeStalled()
    {
        lock (_gate)
        {
            var taken = _stalled;
            _stalled = [];
            return taken;
        }
    }

    public void Recycle(string reason)
    {
        lock (_gate)
            _recycle = reason;
        wake();
    }

    /// <summary>Has the figures of Python's garbage collector told.</summary>
    public void AskCollector()
    {
        lock (_gate)
            _collector = true;
        wake();
    }

    /// <summary>Has the stack of the thread told that serves a request; bounded by whoever asks (<see cref="Questions"/>).</summary>
    public void AskStack(long question, long request)
    {
        lock (_gate)
        {
            // As many as may wait for an answer: a thread that hangs takes none.
            if (_stacks.Count == Questions.Most)
                _stacks.RemoveAt(0);
            _stacks.Add((question, request));
        }

        wake();
    }

    /// <summary>Takes out all there is.</summary>
    public (int Threads, IReadOnlyList<TimedOut> TimedOut, string? Recycle, bool Collector, IReadOnlyList<(long Question, long Request)> Stacks) Take()
    {
        lock (_gate)
        {
            var taken = (_threads, _timedOut, _recycle, _collector, _stacks);
            (_threads, _timedOut, _recycle, _collector, _stacks) = (0, [], null, false, []);
            return taken;
        }
    }
}
