using Waitress.CPython;
using Waitress.Http;

namespace Waitress.Asgi;

/// <summary>
/// One request in the app's hands: its task, and the futures on which the task waits in receive() and send(). Lives on the loop's thread; what
/// happens elsewhere comes back as an event (<see cref="Happened"/>).
/// </summary>
internal abstract class AsgiCall(EventLoop loop, Exchange exchange)
{
    // Whoever waits looks again for itself when it is woken.
    private readonly List<PyPin> _waiting = [];

    // At so many it is looked for futures that were given up: an app may do so again and again while nothing happens.
    private int _pruneAt = 32;
    private PyPin? _task;
    private bool _touched, _taskEnded, _answered;
    private long _begun;

    /// <summary>Its neighbours in the loop's list, and whether it is in it: <see cref="CallList"/>'s.</summary>
    public AsgiCall? Before { get; set; }

    /// <inheritdoc cref="Before"/>
    public AsgiCall? After { get; set; }

    /// <inheritdoc cref="Before"/>
    public bool IsListed { get; set; }

    protected EventLoop Loop => loop;

    protected Exchange Exchange => exchange;

    /// <summary>The exchange is no longer ours.</summary>
    protected bool IsOver { get; private set; }

    /// <summary>The next message for the app, if it is there.</summary>
    public abstract Step NextMessage();

    /// <summary>An awaitable for a message of the app, or null with a Python error set.</summary>
    public abstract PyNew Send(PyRef message);

    /// <summary>An event of another thread.</summary>
    public abstract void Happened(LoopEvent what);

    /// <summary>Sends what was made in this turn, and ends the call when nothing is left. Detached.</summary>
    public abstract void Flush();

    /// <summary>How long the app has had the request.</summary>
    public TimeSpan Age => TimeProvider.System.GetElapsedTime(_begun);

    /// <summary>The request is over request_timeout. False: that does not concern it, or it is answered.</summary>
    public virtual bool TimeOut() => false;

    /// <summary>Has the app called with the request.</summary>
    public void Begin(Scopes scopes)
    {
        var side = loop.Side;
        _begun = TimeProvider.System.GetTimestamp();
        exchange.Taken(_begun, 0);
        using var scope = BuildScope(scopes);
        var type = side.CoroutineType.Ref;
        using var receive = scope.IsNull ? default : new ReceiveCallable(this, side.Interpreter.AwaitableType).ToPython(type);
        using var send = receive.IsNull ? default : new SendCallable(this).ToPython(type);
        using var ended = send.IsNull ? default : new EndedCallable(this).ToPython(side.Interpreter.CallableType.Ref);
        using var coroutine = ended.IsNull ? default : PyObjects.Call(side.Serve.Ref, side.App.Ref, scope, receive, send, ended);
        using var task = coroutine.IsNull ? default : PyObjects.Call(side.CreateTask.Ref, coroutine);
        if (!task.IsNull)
        {
            if (!_taskEnded) // As with an eager task factory, whose tasks begin at once.
                _task = task.Borrow().Pin(); // The loop itself keeps tasks weakly.
            return;
        }

        using var error = PythonError.Take();
        TaskEnded(error);
    }

    /// <summary>The app has returned, or raised.</summary>
    public void TaskEnded(PyRef error)
    {
        _taskEnded = true;
        if (_answered)
            loop.Forget(this);
        _task?.Dispose();
        _task = null;
        AppEnded(error.IsNone ? default : error);

        // Other tasks of the app may still wait in receive() or send(); nobody but us knows them.
        WakeWaiting();
    }

    /// <summary>The loop has ended before the app has.</summary>
    public void Abandon()
    {
        DropWaiting();
        _task?.Dispose();
        _task = null;
        AppAbandoned();
    }

    protected abstract PyNew BuildScope(Scopes scopes);

    /// <summary>What becomes of the answer; a null error: the app has returned.</summary>
    protected abstract void AppEnded(PyRef error);

    protected abstract void AppAbandoned();

    /// <summary>To be flushed at the end of this turn.</summary>
    protected void Touch()
    {
        if (_touched)
            return;
        _touched = true;
        loop.Touch(this);
    }

    protected void Flushing() => _touched = false;

    /// <summary>Hands the exchange back. Detached.</summary>
    protected void Complete()
    {
        IsOver = true;
        exchange.StopWatchingClient();
        exchange.Answered(TimeProvider.System.GetTimestamp());
        loop.Inbox.Answered();
        HandedBack();
        exchange.Complete();
    }

    /// <summary>The exchange is no longer this call's, nor that of another that answers for it. Detached.</summary>
    protected virtual void HandedBack()
    {
        _answered = true;
        if (_taskEnded)
            loop.Forget(this);
    }

    protected Step Wait()
    {
        if (_waiting.Count >= _pruneAt)
            PruneWaiting();
        using var future = loop.Side.NewFuture();
        if (future.IsNull)
            return Step.Failed;
        _waiting.Add(future.Borrow().Pin());
        return Step.Wait(future.Move());
    }

    /// <summary>Whether a task may wait in receive() or send().</summary>
    protected bool IsWaitedFor => _waiting.Count > 0;

    protected void WakeWaiting()
    {
        foreach (var future in _waiting)
        {
            using var woken = PyObjects.Call(loop.Side.Wake.Ref, future.Ref);
            if (woken.IsNull)
                PythonError.WriteUnraisable(future.Ref);
        }

        DropWaiting();
    }

    protected PyNew Ready() => loop.Side.Ready.Ref.New();

    protected PyNew RaiseDisconnected()
    {
        using var message = PyTexts.FromText("The client has disconnected");
        using var error = message.IsNull ? default : PyObjects.Call(loop.Side.ClientDisconnected.Ref, message);
        return error.IsNull ? default : PythonError.Raise(error.Borrow());
    }

    /// <summary>Whether the task was cancelled because its loop ends while others go on, so that the client may try again.</summary>
    protected bool IsEndOfLoop(PyRef error) => loop.Stops && !error.IsNull && PyObjects.IsInstance(error, loop.Side.CancelledError.Ref);

    /// <summary>Whether the error only says that the client has gone.</summary>
    protected bool IsDeparture(PyRef error) =>
        PyObjects.IsInstance(error, loop.Side.ClientDisconnected.Ref) || PyObjects.IsInstance(error, loop.Side.CancelledError.Ref);

    protected void LogFailure(PyRef error)
    {
        var what = IsOver ? "a request that was answered" : $"{exchange.Request.Method} {exchange.Path}";
        using var message = PyTexts.FromText($"Exception while serving {what}");
        using var text = message.IsNull ? default : PyObjects.Call(loop.Side.LogFailure.Ref, message, error);
        if (text.IsNull)
            PythonError.WriteUnraisable(loop.Side.App.Ref);
    }

    /// <summary>Logs where the task is, and cancels it.</summary>
    protected void CancelTask(double seconds)
    {
        using var request = PyTexts.FromText($"{exchange.Request.Method} {exchange.Path}");
        using var limit = PyNumbers.From(seconds);
        using var done = _task is null || request.IsNull || limit.IsNull ? default : PyObjects.Call(loop.Side.Expire.Ref, _task.Ref, request, limit);
        if (done.IsNull && PythonError.IsSet)
            PythonError.WriteUnraisable(loop.Side.App.Ref);
    }

    private void PruneWaiting()
    {
        _waiting.RemoveAll(future =>
        {
            using var ask = PyObjects.GetAttribute(future.Ref, "done"u8);
            using var done = ask.IsNull ? default : PyObjects.Call(ask);
            if (done.IsNull || !PyObjects.IsTrue(done))
                return false;
            future.Dispose();
            return true;
        });
        PythonError.Clear();
        _pruneAt = Math.Max(32, 2 * _waiting.Count);
    }

    private void DropWaiting()
    {
        foreach (var future in _waiting)
            future.Dispose();
        _waiting.Clear();
    }
}
