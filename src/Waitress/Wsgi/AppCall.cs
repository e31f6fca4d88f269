using Waitress.CPython;
using Waitress.Http;

namespace Waitress.Wsgi;

/// <summary>What all calls of one worker thread share when they have a time limit (request_timeout).</summary>
/// <param name="Time">How long the app may take.</param>
/// <param name="Clock">What measures it.</param>
/// <param name="Thread">The thread's ident in Python.</param>
/// <param name="State">Its PyThreadState.</param>
internal sealed record CallLimit(TimeSpan Time, TimeProvider Clock, long Thread, nint State = 0)
{
    /// <summary>Guards every <see cref="AppCall"/> of the thread; held for some nanoseconds, never while waiting or calling.</summary>
    public Lock Gate { get; } = new();
}

/// <summary>
/// One call of the app: the Python side's claim to an exchange, and where it is decided who ends it.
///
/// The worker makes it and ends it (<see cref="End"/>). With a time limit the watcher may end it first (<see cref="TryExpire"/>); from then on the
/// exchange is the watcher's, which answers it, and everything on the Python side that would touch it is refused (<see cref="Enter"/>). Inside such
/// a scope the watcher can't take the exchange, and what the client is waited for in it does not count as the app's time. After <see cref="End"/>
/// no exception of the limit reaches the thread any more. A callable that Python keeps beyond the request finds its call ended too.
/// </summary>
internal sealed class AppCall(Exchange exchange, CallLimit? limit, long start)
{
    private readonly int _number = exchange.Number;
    private long _start = start; // Moved on by what the client was waited for.
    private int _inside = 1; // The worker's own scope, until LetAppRun.
    private bool _over, _ended, _told;
    private volatile bool _raising;
    private int _turn;

    public Exchange Exchange => exchange;

    /// <summary>Method and path, for the log: kept when the call expires, since the exchange may then serve nobody any more.</summary>
    public string Description { get; private set; } = "";

    /// <summary>The thread that runs it, where there is a limit.</summary>
    public long Thread => limit?.Thread ?? 0;

    /// <summary>Whether the watcher has ended it.</summary>
    public bool IsOver => Volatile.Read(ref _over);

    /// <summary>Whether the exchange is still this call's.</summary>
    public bool IsCurrent => exchange.Number == _number && !IsOver;

    /// <summary>How long until it is over its time.</summary>
    public TimeSpan Left => limit is null ? Timeout.InfiniteTimeSpan : limit.Time - limit.Clock.GetElapsedTime(Volatile.Read(ref _start));

    /// <summary>From here on the exchange is touched in scopes of <see cref="Enter"/> only.</summary>
    public void LetAppRun() => Leave();

    /// <summary>A scope in which the exchange may be touched, if <see cref="Scope.Entered"/>. Scopes nest, and several threads of an app may have one.</summary>
    public Scope Enter()
    {
        if (exchange.Number != _number)
            return default;
        if (limit is null)
            return new Scope(this);
        Fork.EndIfChild(); // There the lock may be held by a thread that does not exist.
        lock (limit.Gate)
        {
            if (_over || _ended)
                return default;
            _inside++;
            return new Scope(this);
        }
    }

    /// <summary>
    /// One thread at a time changes the response, whatever threads the app has and whether or not a GIL keeps them apart. False: another one does
    /// so now, which is a mistake of the app. Not a lock: an attached thread must not wait for one that a free-threaded Python may have stopped.
    /// </summary>
    public bool TryTakeTurn() => Interlocked.Exchange(ref _turn, 1) == 0;

    public void EndTurn() => Volatile.Write(ref _turn, 0);

    /// <summary>The client is about to be waited for, inside a scope.</summary>
    public long BeginWait() => limit?.Clock.GetTimestamp() ?? 0;

    /// <summary>The wait is over: it was not the app's time.</summary>
    public void EndWait(long began)
    {
        if (limit is null)
            return;
        lock (limit.Gate)
            _start += limit.Clock.GetTimestamp() - began;
    }

    /// <summary>Takes the exchange away from a call that is over its time. True: the caller has to answer it now, nobody else will.</summary>
    public bool TryExpire()
    {
        if (limit is null)
            return false;
        lock (limit.Gate)
        {
            if (_over || _ended || _inside > 0 || Left > TimeSpan.Zero)
                return false;
            Description = $"{exchange.Request.Method} {exchange.Path}";
            Volatile.Write(ref _over, true);
            return true;
        }
    }

    /// <summary>The Python frame in which the thread is, if it is still in this call; called attached, in the thread's interpreter.</summary>
    public PyNew Frame()
    {
        // Under the lock the call can't end, so the thread is there. No code of Python's runs in here, and the GIL is not given up.
        lock (limit!.Gate)
            return _ended || limit.State == 0 ? default : PythonThread.FrameOf(limit.State);
    }

    /// <summary>Has the exception raised in the thread, if it is still in this call, which is over. Called attached, in the thread's interpreter.</summary>
    public bool Interrupt(PyRef exceptionType)
    {
        lock (limit!.Gate)
        {
            if (_ended || !_over || _told)
                return false;
            _raising = true;
        }

        // Not under the lock, on which an attached thread may wait: free-threaded Pythons may stop this one here until that one pauses.
        var raised = PythonThread.Raise(limit.Thread, exceptionType);
        _raising = false;
        return raised;
    }

    /// <summary>
    /// The app has returned and its references are dropped; called attached, by the thread itself. True: the exchange is the caller's to complete.
    /// False: the watcher has done so; an exception that was on its way is taken back. Any number of times.
    /// </summary>
    public bool End()
    {
        if (limit is null)
            return true;
        lock (limit.Gate)
        {
            _ended = true;
            if (!_over)
                return true;
        }

        while (_raising)
        {
            using (PythonThread.Detach())
                System.Threading.Thread.Yield();
        }

        PythonThread.TakeBackRaise(limit.Thread);
        return false;
    }

    /// <summary>
    /// The error for start_response and write where no scope can be had: that the time is up, which the thread then need not be told again, or that
    /// the request has ended.
    /// </summary>
    public PyNew RaiseEnded(PyRef timeoutType, string function)
    {
        if (limit is not null)
        {
            lock (limit.Gate)
                _told |= _over && !_ended;
        }

        return _told
            ? PythonError.Raise(timeoutType, $"{function} was called when its request was over request_timeout")
            : PythonError.Raise(PythonError.Fault.Assertion, $"{function} was called after its request had ended");
    }

    private void Leave()
    {
        if (limit is null)
            return;
        lock (limit.Gate)
            _inside--;
    }

    /// <summary>The time in which the Python side may touch the exchange.</summary>
    public readonly ref struct Scope(AppCall? call)
    {
        public bool Entered => call is not null;

        public void Dispose() => call?.Leave();
    }
}
