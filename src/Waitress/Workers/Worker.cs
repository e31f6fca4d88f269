using Waitress.CPython;
using Waitress.Dispatch;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Wsgi;

namespace Waitress.Workers;

/// <summary>
/// Stage 5: one Python thread that serves requests.
///
/// Python made the thread (so that it has a name, a stack of the right size, the app's trace functions and its PyThreadState
/// for life); it makes the worker and calls <see cref="Run"/>. It attaches for a batch: as many requests as wait, but no
/// longer than the first answer may be held back; then it detaches and sends their answers. It never waits attached.
/// A thread whose request was over its time never takes another one: it leaves as soon as the app lets it.
/// </summary>
/// <param name="queue">Where the requests come from.</param>
/// <param name="serve"><see cref="WsgiApp.Serve"/> of the pool's app.</param>
/// <param name="limits">Who judges how long requests have waited.</param>
/// <param name="limit">The time limit of this thread's calls, if there is one.</param>
/// <param name="time">What measures.</param>
/// <param name="group">The seats of the thread's interpreter, where there are several.</param>
internal sealed class Worker(RequestQueue<Exchange> queue, Func<AppCall, bool> serve, QueueLimits limits, CallLimit? limit, TimeProvider time, SeatGroup? group = null) : IDisposable
{
    /// <summary>
    /// How long answers may be held back for others of the same batch: a tenth of a millisecond is below what a client can tell
    /// and well above what it costs to give the GIL up and take it again.
    /// </summary>
    private static readonly TimeSpan BatchTime = TimeSpan.FromMicroseconds(100);

    private readonly Outbox _outbox = new();

    // Written by this thread alone.
    private long _busySince, _busy, _waited, _completed;
    private AppCall? _call;

    public Outbox Outbox => _outbox;

    public Seat Seat { get; } = new(group);

    /// <summary>Tells the OS's view of this thread; set by the thread itself.</summary>
    public ThreadProbe? Probe { get; private set; }

    /// <summary>The thread's ident and name in Python.</summary>
    public (long Ident, string Name) Thread { get; private set; }

    /// <summary>The call in which the thread is.</summary>
    public AppCall? CurrentCall => Volatile.Read(ref _call);

    /// <summary>Since when the thread has its present request, as a timestamp; 0: it has none.</summary>
    public long BusySince => Volatile.Read(ref _busySince);

    /// <summary>In timestamp units: how long the app has had requests, those that have ended.</summary>
    public long BusyTime => Volatile.Read(ref _busy);

    /// <summary>In timestamp units: how long the requests of this thread have waited for it.</summary>
    public long QueueWait => Volatile.Read(ref _waited);

    public long Completed => Volatile.Read(ref _completed);

    /// <summary>Set by the watcher when it takes the thread's place away.</summary>
    public GivenUp? GivenUp { get; set; }

    /// <summary>Whether the thread takes work at present.</summary>
    public bool Active => Seat.Active;

    /// <summary>Serves until the queue is closed and empty, or the thread is not needed any more. Called attached, returns attached.</summary>
    public void Run()
    {
        Thread = (PythonThread.Ident, PythonSide.ThreadName());
        using var thread = PythonThread.Detach();
        Probe = ThreadProbe.OfThisThread();
        try
        {
            var stays = true;
            while (stays && queue.Wait(Seat))
            {
                var woken = time.GetTimestamp();
                thread.Attach();
                stays = ServeBatch(woken);
                thread.DetachAgain();
                _outbox.Flush();
            }
        }
        finally
        {
            Probe?.Dispose();
            Probe = null;
        }
    }

    public void Dispose() => Seat.Dispose();

    /// <summary>Serves what waits, for a batch's time. Called attached. False: a request was over its time, and the thread has to go.</summary>
    /// <param name="woken">When the thread began to wait for the GIL, as a timestamp.</param>
    public bool ServeBatch(long woken)
    {
        var first = time.GetTimestamp();
        var gilWait = first - woken;
        var start = first;
        while (queue.TryTake(Seat, out var exchange, out var since))
        {
            Volatile.Write(ref _waited, _waited + Math.Max(start - since, 0));
            exchange.Taken(start, gilWait);
            gilWait = 0; // The rest of the batch did not wait for it.
            if (limits.IsLate(since, start))
            {
                exchange.Response.Refuse(Refusal.WaitedTooLong);
                _outbox.Add(exchange);
                continue;
            }

            var stays = Serve(exchange, start);
            var end = time.GetTimestamp();
            if (stays)
            {
                exchange.Answered(end); // Before it can be sent: then it is another thread's.
                _outbox.Add(exchange);
            }

            Volatile.Write(ref _busySince, 0);
            Volatile.Write(ref _busy, _busy + end - start);
            Volatile.Write(ref _completed, _completed + 1);
            if (!stays || time.GetElapsedTime(first, end) > BatchTime)
                return stays;
            start = end;
        }

        return true;
    }

    private bool Serve(Exchange exchange, long start)
    {
        Volatile.Write(ref _busySince, start);
        var call = new AppCall(exchange, limit, start);
        Volatile.Write(ref _call, call);
        var stays = serve(call);
        Volatile.Write(ref _call, null);
        return stays;
    }
}

/// <summary>A thread whose request is over its time.</summary>
/// <param name="Number">Of this event.</param>
/// <param name="Call">The call in which the thread is.</param>
/// <param name="At">When, as a timestamp.</param>
internal sealed record GivenUp(long Number, AppCall Call, long At);
