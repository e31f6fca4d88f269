using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Telemetry;
using Waitress.Wsgi;

namespace Waitress.Workers;

/// <summary>
/// The app in one interpreter and the Python threads that call it. A pool has places; the watcher says how many, and the thread that runs the
/// server starts threads for those that are empty (<see cref="Orders"/>). A thread that Python has started calls <see cref="Work"/> and is a
/// <see cref="Worker"/> until it leaves: because the server ends, because it is one too many, or because its request was over its time; then
/// its place is empty from the moment on at which the watcher gave it up, and the thread is counted as stuck until it is back.
/// Made and disposed attached; the app's Python objects live until the last thread has left. The rest is guarded by one lock, never held while waiting.
/// </summary>
internal sealed class Pool : IDisposable
{
    /// <summary>
    /// Threads that may be stuck at once before no more are started in their places: each costs some tens of KiB and a stack's address space, and an
    /// app of which so many calls hang will not be saved by more. Beyond it requests wait, up to queue_timeout and backlog_limit.
    /// </summary>
    public const int MostStuck = 128;

    /// <summary>The exception is raised within milliseconds; a thread that is not back after this counts as stuck in C code that waits.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    // A thread that was ordered and has not come by then will not come: the system refused it, which Python's side has logged.
    private static readonly TimeSpan OrderTime = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly IDisposable _app;
    private readonly Func<AppCall, bool> _serve;
    private readonly RequestQueue<Exchange> _queue;
    private readonly QueueLimits _limits;
    private readonly TimeSpan _requestTimeout;
    private readonly Mailbox _log;
    private readonly TimeProvider _time;
    private Worker[] _workers = []; // Replaced, never changed: read without the lock.
    private int _present, _places, _ordered;
    private long _orderedAt, _timeouts;
    private (long Completed, long Busy, long Wait) _former; // The sums of those that left.
    private int _users = 1; // This pool until it is disposed, and each thread inside Work.

    /// <param name="app">What to dispose when the last thread has left.</param>
    /// <param name="serve">Serves one request with it.</param>
    /// <param name="queue">Where requests come from.</param>
    /// <param name="limits">Of the queue.</param>
    /// <param name="settings">Threads at the start, and how long a request may take.</param>
    /// <param name="log">What is told.</param>
    /// <param name="time">What measures.</param>
    /// <param name="share">What is the pool's own, where there are several; else it has all threads, and its orders go to the server's loop.</param>
    public Pool(IDisposable app, Func<AppCall, bool> serve, RequestQueue<Exchange> queue, QueueLimits limits, Settings settings, Mailbox log, TimeProvider time,
        PoolShare? share = null)
    {
        (_app, _serve, _queue, _limits, _log, _time) = (app, serve, queue, limits, log, time);
        _requestTimeout = TimeSpan.FromSeconds(settings.RequestTimeout);
        share ??= new PoolShare(null, settings.Concurrency, settings.MostConcurrency, log.Wake);
        (Share, _places, _ordered, _orderedAt) = (share, share.Threads, share.Threads, time.GetTimestamp());
        Orders = new Orders(share.Wake);
    }

    public Orders Orders { get; }

    /// <summary>What Python's garbage collector has done in this pool's interpreter: as <see cref="Metrics.CollectorFigures"/> has them; replaced, never changed.</summary>
    public long[] Collector { get; set; } = [];

    public PoolShare Share { get; }

    /// <summary>Those that serve, and those that were given up and are not back yet.</summary>
    public IReadOnlyList<Worker> Workers => Volatile.Read(ref _workers);

    /// <summary>How many threads there are to be.</summary>
    public int Places => Volatile.Read(ref _places);

    /// <summary>Threads over their time that are not back yet.</summary>
    public int Stuck => Workers.Count - Volatile.Read(ref _present);

    /// <summary>The body of one Python worker thread. Called attached, returns attached.</summary>
    public void Work()
    {
        Interlocked.Increment(ref _users);
        try
        {
            var limit = _requestTimeout > TimeSpan.Zero ? new CallLimit(_requestTimeout, _time, PythonThread.Ident, PythonThread.State) : null;
            using var worker = new Worker(_queue, _serve, _limits, limit, _time, Share.Group);
            Enter(worker);
            try
            {
                worker.Run();
            }
            finally
            {
                Leave(worker);
            }
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Changes the number of places; threads beyond it go home if they rest. How many there are from here on.</summary>
    public int Resize(int places)
    {
        lock (_gate)
        {
            var surplus = _places - places;
            _places = surplus > 0 ? _places - _queue.Dismiss(surplus, Share.Group) : places;
        }

        Fill();
        return Places;
    }

    /// <summary>Orders threads for the places that are empty.</summary>
    public void Fill()
    {
        var wanted = 0;
        lock (_gate)
        {
            if (_ordered > 0 && _time.GetElapsedTime(_orderedAt) > OrderTime)
                _ordered = 0;
            wanted = Math.Min(_places - _present - _ordered, _places + MostStuck - _workers.Length - _ordered);
            if (wanted <= 0)
                return;
            _ordered += wanted;
            _orderedAt = _time.GetTimestamp();
        }

        Orders.Grow(wanted);
    }

    /// <summary>The worker's call is over its time: its place is empty, and Python is told to break the call off.</summary>
    public void GiveUp(Worker worker, AppCall call)
    {
        _queue.Leave(worker.Seat);
        var number = 0L;
        lock (_gate)
        {
            number = ++_timeouts;

            // The thread may have come back, and left, since the call was found to be over.
            if (_workers.Contains(worker))
            {
                worker.GivenUp = new GivenUp(number, call, _time.GetTimestamp());
                _present--;
            }
        }

        Orders.Tell(new TimedOut(call.Thread, number, _requestTimeout.TotalSeconds, call.Description));
        Fill();
    }

    /// <summary>Raises in the thread that is still in the call of that number; false when it has ended. Called attached.</summary>
    public bool Interrupt(long number, PyRef exceptionType) =>
        Workers.FirstOrDefault(worker => worker.GivenUp?.Number == number)?.GivenUp is { } late && late.Call.Interrupt(exceptionType);

    /// <summary>The frame of the thread that is still in the call of that number; null when it has ended. Called attached.</summary>
    public PyNew Frame(long number) =>
        Workers.FirstOrDefault(worker => worker.GivenUp?.Number == number)?.GivenUp is { } late ? late.Call.Frame() : default;

    /// <summary>What the pool is doing now.</summary>
    public PoolFigures Read()
    {
        var now = _time.GetTimestamp();
        var (threads, busy, free, youngest) = (0, 0, false, 0L);
        (long Completed, long Busy, long Wait) sums;
        Worker[] workers;
        lock (_gate)
            (workers, sums) = (_workers, _former);
        foreach (var worker in workers)
        {
            var since = worker.BusySince;
            sums = (sums.Completed + worker.Completed, sums.Busy + worker.BusyTime + (since == 0 ? 0 : Math.Max(now - since, 0)), sums.Wait + worker.QueueWait);
            youngest = Math.Max(youngest, since);
            if (worker.GivenUp is not null)
                continue;
            threads++;
            busy += since == 0 ? 0 : 1;
            free |= since == 0;
        }

        return new PoolFigures(threads, busy, free ? 0 : Nanoseconds(youngest), workers.Length - threads, sums.Completed, Nanoseconds(sums.Busy),
            Nanoseconds(sums.Wait), Interlocked.Read(ref _timeouts), _limits.Refused);
    }

    /// <summary>Releases the app, except while a thread is still in it. Called attached.</summary>
    public void Dispose() => Release();

    /// <summary>A thread has come.</summary>
    public void Enter(Worker worker)
    {
        lock (_gate)
        {
            _workers = [.. _workers, worker];
            _present++;
            _ordered = Math.Max(_ordered - 1, 0);
        }

        _queue.Join(worker.Seat);
    }

    /// <summary>A thread goes.</summary>
    public void Leave(Worker worker)
    {
        _queue.Leave(worker.Seat);
        lock (_gate)
        {
            _workers = [.. _workers.Where(other => other != worker)];
            _former = (_former.Completed + worker.Completed, _former.Busy + worker.BusyTime, _former.Wait + worker.QueueWait);
            if (worker.GivenUp is null)
                _present--;
        }

        if (worker.GivenUp is { } late && _time.GetElapsedTime(late.At) is var after && after > Grace)
            _log.Post(LogEvent.ThreadBack, late.Call.Description, after.TotalSeconds);
    }

    private long Nanoseconds(long timestamp) => (long)(timestamp * (1e9 / _time.TimestampFrequency));

    // Attached. A worker that comes back from the app after all, when the server is long closed, needs its Python objects till the end.
    private void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            _app.Dispose();
    }
}

/// <summary>What belongs to one pool where several interpreters serve.</summary>
/// <param name="Group">The seats of its threads; null: the queue's own.</param>
/// <param name="Threads">Threads at the start.</param>
/// <param name="MostThreads">Up to how many it may grow.</param>
/// <param name="Wake">Lets the thread look that carries out its orders.</param>
internal sealed record PoolShare(SeatGroup? Group, int Threads, int MostThreads, Action Wake);
