using Waitress.CPython;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Wsgi;

namespace Waitress.Workers;

/// <summary>
/// Stage 5: one Python thread that serves requests.
///
/// Python made the thread (so that it has a name, a stack of the right size, the app's trace functions and its PyThreadState
/// for life) and calls <see cref="Run"/> in it. It attaches for a batch: as many requests as wait, but no
/// longer than the first answer may be held back; then it detaches and sends their answers. It never waits attached.
/// </summary>
internal sealed class Worker(RequestQueue<Exchange> queue, WsgiApp app, TimeProvider time) : IDisposable
{
    /// <summary>
    /// How long answers may be held back for others of the same batch: a tenth of a millisecond is below what a client can tell
    /// and well above what it costs to give the GIL up and take it again.
    /// </summary>
    private static readonly TimeSpan BatchTime = TimeSpan.FromMicroseconds(100);

    private readonly Outbox _outbox = new();
    private readonly Seat _seat = new();

    public Outbox Outbox => _outbox;

    /// <summary>Tells the OS's view of this thread; set by the thread itself.</summary>
    public ThreadProbe? Probe { get; private set; }

    /// <summary>Serves until the queue is closed and empty. Called attached, returns attached.</summary>
    public void Run()
    {
        using var thread = PythonThread.Detach();
        Probe = ThreadProbe.OfThisThread();
        try
        {
            while (queue.Wait(_seat))
            {
                thread.Attach();
                ServeBatch();
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

    public void Dispose() => _seat.Dispose();

    /// <summary>Whether the thread takes work at present.</summary>
    public bool Active => _seat.Active;

    private void ServeBatch()
    {
        var start = time.GetTimestamp();
        while (queue.TryTake(out var exchange))
        {
            app.Serve(exchange);
            _outbox.Add(exchange);
            if (time.GetElapsedTime(start) > BatchTime)
                return;
        }
    }
}
