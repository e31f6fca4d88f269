// Asgi: an asynchronous app, from a parsed request to its messages. Receives exchanges from the I/O threads (EventLoop.Add) and promises that
// each is answered: by the app's messages, or by a refusal. The app runs on one Python thread for life, the loop's; everything in this folder
// that touches Python objects runs there, attached. Other threads only post to the inbox: many events, one wake-up.
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Http;
using Waitress.Telemetry;
using Waitress.Transport;
using Waitress.Wsgi;

namespace Waitress.Asgi;

/// <summary>What happened to a call outside of its loop.</summary>
internal enum LoopEvent
{
    /// <summary>Bytes of the request's body are there, or its end, or a failure.</summary>
    Read,

    /// <summary>The client has taken enough for more to be sent.</summary>
    Flushed,

    /// <summary>The client has left.</summary>
    Left,

    /// <summary>The handshake of a WebSocket is done, or has failed.</summary>
    Accepted,

    /// <summary>A message of a WebSocket is there.</summary>
    Message,

    /// <summary>No further one will come.</summary>
    Ended,

    /// <summary>The server stops.</summary>
    Stopping,
}

/// <summary>
/// One asyncio event loop, as the engine sees it: an inbox that the loop empties (<see cref="Drain"/>), and an outbox, since answers that are
/// made in one turn of the loop leave together, detached (<see cref="Flush"/>). Made, drained and disposed on the loop's thread.
/// </summary>
internal sealed partial class EventLoop : IDisposable
{
    private readonly Socket _wake;
    private readonly Scopes _scopes;
    private readonly CallList _calls = new(); // Until both are done: the app's task, and the answer.
    private readonly List<AsgiCall> _touched = [];
    private readonly List<AsgiCall> _leaving = [];
    private readonly TimeSpan _requestTimeout;
    private long _timedOut;
    private bool _stopTold, _flushDue, _disposed, _closeSeen;

    /// <param name="interpreter">The interpreter in which the loop runs.</param>
    /// <param name="app">The app.</param>
    /// <param name="tools">waitress._asgi.Tools of the loop.</param>
    /// <param name="wakeDescriptor">The sending end of the socket pair on which the loop waits; Python's to close.</param>
    /// <param name="settings">Limits.</param>
    /// <param name="log">Where faults go.</param>
    /// <param name="home">What the loops of that interpreter share.</param>
    /// <param name="poller">The sockets that this loop reads and writes itself; null: none. Its caller's to dispose.</param>
    public EventLoop(Interpreter interpreter, PyRef app, PyRef tools, int wakeDescriptor, Settings settings, Mailbox log, LoopHome home, Poller? poller = null)
    {
        PyOwned.KeepHandles();
        Poller = poller;
        (Settings, Log, Home, Inbox) = (settings, log, home, new LoopInbox<Exchange, AsgiCall>(SendByte));
        Side = new LoopSide(interpreter, app, tools, this);
        _scopes = new Scopes(Side, settings);
        _requestTimeout = TimeSpan.FromSeconds(settings.RequestTimeout);
        _wake = new Socket(new SafeSocketHandle(wakeDescriptor, ownsHandle: false)) { Blocking = false };
    }

    /// <summary>The sockets that this loop reads and writes itself; null: none.</summary>
    public Poller? Poller { get; }

    public Settings Settings { get; }

    public Mailbox Log { get; }

    public LoopSide Side { get; }

    public LoopHome Home { get; }

    public LoopInbox<Exchange, AsgiCall> Inbox { get; }

    /// <summary>The Python thread's ident.</summary>
    public long Thread { get; } = PythonThread.Ident;

    /// <summary>The Python thread's state, for <see cref="PythonThread.FrameOf"/>.</summary>
    public nint ThreadState { get; } = PythonThread.State;

    /// <summary>Requests over request_timeout, in all.</summary>
    public long TimedOut => Volatile.Read(ref _timedOut);

    /// <summary>Whether calls have been told of the stop. The loop's thread only.</summary>
    public bool Stops => _stopTold;

    /// <summary>The wake-up: sees to everything that was posted. False: no more will come.</summary>
    public bool Drain()
    {
        var goesOn = Turn();
        _closeSeen |= !goesOn;
        return goesOn;
    }

    /// <summary>The sockets have something: reads what is there, and sees to all that follows from it. Returns as <see cref="Drain"/>.</summary>
    public bool Poll()
    {
        Inbox.BeginTurn();
        try
        {
            Poller!.Poll();
        }
        catch (Exception e)
        {
            Log.Post(LogEvent.EngineFault, e); // The inbox has to be emptied: whoever posts sees the loop at work, and does not wake it.
        }

        return Drain();
    }

    private bool Turn()
    {
        var going = Inbox.Take(out var goesOn, out var stops);
        Interlocked.Exchange(ref _stallTold, 0);
        foreach (var (request, call, what) in going)
        {
            if (request is null)
                Happened(call!, what);
            else if (_disposed)
                Decline(request);
            else
                Begin(request);
        }

        var any = going.Count > 0;
        going.Clear();
        if (stops && !_stopTold)
        {
            _stopTold = true;
            foreach (var call in _calls.ToArray())
                Happened(call, LoopEvent.Stopping);
        }

        if (_requestTimeout > TimeSpan.Zero)
            EndLateCalls();
        if (any)
            ScheduleFlush(); // Behind the first steps of the tasks that were made or woken here.
        else if (!_flushDue)
            Settle();
        return goesOn;
    }

    /// <summary>Sends what the calls of this turn have made.</summary>
    public void Flush()
    {
        _flushDue = false;
        _leaving.AddRange(_touched);
        _touched.Clear();
        if (_leaving.Count > 0)
        {
            using (PythonThread.Detach())
            {
                foreach (var call in _leaving)
                    Send(call);
            }

            _leaving.Clear();
        }

        if (!_disposed)
            Settle();
    }

    /// <summary>The call has something to be sent at the end of this turn.</summary>
    public void Touch(AsgiCall call)
    {
        _touched.Add(call);
        ScheduleFlush();
    }

    /// <summary>The app's task has ended, and the exchange has been handed back.</summary>
    public void Forget(AsgiCall call) => _calls.Remove(call);

    private void ScheduleFlush()
    {
        if (_flushDue || _disposed)
            return;
        _flushDue = true;
        using var scheduled = PyObjects.Call(Side.CallSoon.Ref, Side.Flush.Ref);
        if (scheduled.IsNull)
            PythonError.WriteUnraisable(Side.App.Ref); // The loop is closed: what is left is cut by the stop.
    }

    // The end of a turn: rests, unless more has come meanwhile. The loop looks at its other events between two turns.
    private void Settle()
    {
        if (!Inbox.TryRest(_stopTold, out var closed))
            Turn();
        else if (closed && !_closeSeen)
            Inbox.Wake(); // For Drain to tell it: the wake-up of Close may have met a loop that was not at rest.
    }

    private void Begin(Exchange exchange)
    {
        AsgiCall call = exchange.AsksForWebSocket ? new WebSocketCall(this, exchange) : new HttpCall(this, exchange);
        _calls.Add(call);
        try
        {
            call.Begin(_scopes);
        }
        catch (Exception e)
        {
            Log.Post(LogEvent.EngineFault, e);
            PythonError.Clear();
            call.TaskEnded(new PyRef(Singletons.None)); // Without an answer, so the client gets a 500.
        }

        if (_stopTold)
            Happened(call, LoopEvent.Stopping);
    }

    // A fault of ours in one call must not keep the others from their events.
    private void Happened(AsgiCall call, LoopEvent what)
    {
        try
        {
            call.Happened(what);
        }
        catch (Exception e)
        {
            Log.Post(LogEvent.EngineFault, e);
            PythonError.Clear();
        }
    }

    private void Send(AsgiCall call)
    {
        try
        {
            call.Flush();
        }
        catch (Exception e)
        {
            Log.Post(LogEvent.EngineFault, e);
        }
    }

    private void EndLateCalls()
    {
        List<AsgiCall>? late = null; // Apart: what is ended may leave the set.
        foreach (var call in _calls)
        {
            if (call.Age > _requestTimeout)
                (late ??= []).Add(call);
        }

        foreach (var call in late ?? [])
        {
            if (call.TimeOut())
                Volatile.Write(ref _timedOut, _timedOut + 1);
        }
    }
}
