// Asgi: an asynchronous app, from a parsed request to its messages. Receives exchanges from the I/O threads (EventLoop.Add) and promises that
// each is answered: by the app's messages, or by a refusal. The app runs on one Python thread for life, the loop's; everything in this folder
// that touches Python objects runs there, attached. Other threads only post to the inbox: many events, one wake-up.
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Http;
using Waitress.Telemetry;
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
    private readonly Lock _gate = new();
    private readonly Socket _wake;
    private readonly int _most;
    private readonly Scopes _scopes;
    private readonly HashSet<AsgiCall> _calls = [];
    private readonly List<AsgiCall> _touched = [];
    private readonly List<AsgiCall> _leaving = [];
    private List<Item> _coming = [], _going = [];
    private long _armed; // Since when the loop is to turn for us, as a timestamp; 0: it is at rest, and has to be woken for what comes.
    private readonly TimeSpan _requestTimeout;
    private long _timedOut;
    private int _unanswered;
    private bool _closed, _stopping, _stopTold, _flushDue, _disposed, _closeSeen;

    /// <param name="interpreter">The interpreter in which the loop runs.</param>
    /// <param name="app">The app.</param>
    /// <param name="tools">waitress._asgi.Tools of the loop.</param>
    /// <param name="wakeDescriptor">The sending end of the socket pair on which the loop waits; Python's to close.</param>
    /// <param name="settings">Limits.</param>
    /// <param name="log">Where faults go.</param>
    public EventLoop(Interpreter interpreter, PyRef app, PyRef tools, int wakeDescriptor, Settings settings, Mailbox log)
    {
        (Settings, Log) = (settings, log);
        Side = new LoopSide(interpreter, app, tools, this);
        _scopes = new Scopes(Side, settings);
        _most = settings.LimitConcurrency ?? int.MaxValue;
        _requestTimeout = TimeSpan.FromSeconds(settings.RequestTimeout);
        _wake = new Socket(new SafeSocketHandle(wakeDescriptor, ownsHandle: false)) { Blocking = false };
    }

    public Settings Settings { get; }

    public Mailbox Log { get; }

    public LoopSide Side { get; }

    /// <summary>Requests that the app has not answered whole yet, those in the inbox included.</summary>
    public int Unanswered => Volatile.Read(ref _unanswered);

    /// <summary>Since when events wait for the loop's next turn, as a timestamp; 0: none does. An old one: the loop is blocked.</summary>
    public long WaitingSince => Interlocked.Read(ref _armed);

    /// <summary>The Python thread's ident.</summary>
    public long Thread { get; } = PythonThread.Ident;

    /// <summary>Requests over request_timeout, in all.</summary>
    public long TimedOut => Volatile.Read(ref _timedOut);

    /// <summary>Has the loop turn, for the sake of who wants to see it, and look for requests that take too long; any thread.</summary>
    public void Poke() => Wake();

    /// <summary>The wake-up: sees to everything that was posted. False: no more will come.</summary>
    public bool Drain()
    {
        var goesOn = Turn();
        _closeSeen |= !goesOn;
        return goesOn;
    }

    private bool Turn()
    {
        bool goesOn, stops;
        lock (_gate)
        {
            stops = _stopping;
            (_coming, _going) = (_going, _coming);
            goesOn = !_closed;

            // Not at rest yet: what comes while the tasks of this turn run is found by Settle, and needs no wake-up.
            Interlocked.Exchange(ref _armed, TimeProvider.System.GetTimestamp());
        }

        Interlocked.Exchange(ref _stallTold, 0);
        foreach (var (request, call, what) in _going)
        {
            if (request is not null)
                Begin(request);
            else
                Happened(call!, what);
        }

        var any = _going.Count > 0;
        _going.Clear();
        if (stops && !_stopTold)
        {
            _stopTold = true;
            foreach (var call in _calls)
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

    /// <summary>The exchange has been handed back.</summary>
    public void Answered() => Interlocked.Decrement(ref _unanswered);

    /// <summary>The app's task has ended.</summary>
    public void Forget(AsgiCall call) => _calls.Remove(call);

    /// <summary>After the loop has ended: what is still unanswered is answered by a refusal. Attached.</summary>
    public void Dispose()
    {
        _disposed = true;
        Close();
        Drain();
        foreach (var call in _calls.ToArray())
            call.Abandon();
        Flush();
        _wake.Dispose();
        _scopes.Dispose();
        Side.Dispose();
    }

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
        bool more, closed;
        lock (_gate)
        {
            more = _coming.Count > 0 || (_stopping && !_stopTold);
            closed = _closed;
            if (!more)
                Interlocked.Exchange(ref _armed, 0);
        }

        if (more)
            Turn();
        else if (closed && !_closeSeen)
            Wake(); // For Drain to tell it: the wake-up of Close may have met a loop that was not at rest.
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
