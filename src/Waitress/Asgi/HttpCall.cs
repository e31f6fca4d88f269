using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Asgi;

/// <summary>
/// One HTTP request in the app's hands: the state behind its receive() and send(). Lives on the loop's thread; what Kestrel does elsewhere comes back
/// as an event. The exchange is handed back once the answer is whole (the app's task may go on: background work), or the task has ended; while a
/// read or a flush of it is under way it can't be, so the end waits for that.
/// </summary>
internal sealed partial class HttpCall(EventLoop loop, Exchange exchange)
{
    private PyPin? _task;
    private bool _ending; // The answer is decided; the exchange goes with the next flush that finds nothing under way.
    private bool _ended; // The exchange is no longer ours.
    private bool _gone; // Nobody is there to talk to.
    private bool _touched;

    /// <summary>Has the app called with the request.</summary>
    public void Begin(Scopes scopes)
    {
        var side = loop.Side;
        exchange.Taken(TimeProvider.System.GetTimestamp(), 0);
        using var scope = scopes.Build(exchange);
        var type = side.Interpreter.CallableType.Ref;
        using var receive = scope.IsNull ? default : new ReceiveCallable(this, side.Interpreter.AwaitableType).ToPython(type);
        using var send = receive.IsNull ? default : new SendCallable(this).ToPython(type);
        using var ended = send.IsNull ? default : new EndedCallable(this).ToPython(type);
        using var coroutine = ended.IsNull ? default : PyObjects.Call(side.Serve.Ref, side.App.Ref, scope, receive, send, ended);
        using var task = coroutine.IsNull ? default : PyObjects.Call(side.CreateTask.Ref, coroutine);
        if (!task.IsNull)
        {
            _task = task.Borrow().Pin(); // The loop itself keeps tasks weakly.
            return;
        }

        using var error = PythonError.Take();
        TaskEnded(error);
    }

    /// <summary>An event of another thread.</summary>
    public void Happened(LoopEvent what)
    {
        switch (what)
        {
            case LoopEvent.Read:
                (_reading, _hasRead) = (false, true);
                break;
            case LoopEvent.Flushed:
                _flushing = false;
                _gone |= exchange.ClientGone;
                break;
            case LoopEvent.Left:
                _gone = true;
                break;
        }

        if (_ending && !_ended)
            Touch();
        WakeWaiting();
    }

    /// <summary>The app has returned, or raised.</summary>
    public void TaskEnded(PyRef error)
    {
        var raised = !error.IsNull && !error.IsNone;
        loop.Forget(this);
        _task?.Dispose();
        _task = null;
        DropWaiting();
        var quiet = _gone && raised
            && (PyObjects.IsInstance(error, loop.Side.ClientDisconnected.Ref) || PyObjects.IsInstance(error, loop.Side.CancelledError.Ref));
        if (raised && !quiet)
            LogFailure(error);
        if (_ended || _ending)
            return;
        if (_gone)
            End();
        else if (raised)
            Refuse(Refusal.AppFailed);
        else
            EndEarly();
    }

    /// <summary>The loop has ended before the app has.</summary>
    public void Abandon()
    {
        DropWaiting();
        _task?.Dispose();
        _task = null;
        if (!_ended && !_ending)
            Refuse(Refusal.Stopping);
    }

    /// <summary>Sends what was made in this turn. Detached.</summary>
    public void Flush()
    {
        _touched = false;
        if (_ended)
            return;
        if (!_ending)
        {
            // The head, when the app takes its time with the body.
            if (exchange.Response is { Started: true, Committed: false } && !_flushing)
                Pushed(exchange.Response.PushHead());
            return;
        }

        if (_reading)
            exchange.BodyReader.CancelPendingRead();
        if (_reading || _flushing)
            return; // Their event brings us back.
        if (_hasRead && _readFailure is null)
            exchange.BodyReader.AdvanceTo(_read.Buffer.End); // A read that is left open is an error to Kestrel.
        _ended = true;
        exchange.StopWatchingClient();
        exchange.Answered(TimeProvider.System.GetTimestamp());
        loop.Answered();
        exchange.Complete();
    }

    private void Refuse(Refusal refusal)
    {
        exchange.Response.Refuse(refusal);
        _gone = true;
        End();
        WakeWaiting();
    }

    private void EndEarly()
    {
        if (!exchange.Response.Started)
        {
            loop.Log.Post(LogEvent.NoResponse, exchange.Request.Method, exchange.Path);
            Refuse(Refusal.AppFailed);
            return;
        }

        loop.Log.Post(LogEvent.ResponseUnfinished, exchange.Request.Method, exchange.Path);
        exchange.Response.CutShort();
        End();
    }

    private void End()
    {
        _ending = true;
        Touch();
    }

    private void Touch()
    {
        if (_touched)
            return;
        _touched = true;
        loop.Touch(this);
    }

    private void LogFailure(PyRef error)
    {
        var what = _ended ? "a request that was answered" : $"{exchange.Request.Method} {exchange.Path}";
        using var message = PyTexts.FromText($"Exception while serving {what}");
        using var text = message.IsNull ? default : PyObjects.Call(loop.Side.LogFailure.Ref, message, error);
        if (text.IsNull)
            PythonError.WriteUnraisable(loop.Side.App.Ref);
    }
}
