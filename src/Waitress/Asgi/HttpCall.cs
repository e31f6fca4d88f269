using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Asgi;

/// <summary>
/// An HTTP request: the state behind its receive() and send(). The exchange is handed back once the answer is whole (the app's task may go on:
/// background work), or the task has ended; while a read or a flush of it is under way it can't be, so the end waits for that.
/// </summary>
/// <param name="loop">Whose call it is.</param>
/// <param name="exchange">The request.</param>
/// <param name="handedBack">For whom the call answers (a WebSocket that is denied): told when the exchange is no longer its own.</param>
internal sealed partial class HttpCall(EventLoop loop, Exchange exchange, Action? handedBack = null) : AsgiCall(loop, exchange)
{
    private bool _ending; // The answer is decided; the exchange goes with the next flush that finds nothing under way.
    private bool _gone; // Nobody is there to talk to.
    private bool _left; // The client sends nothing more. It may have half-closed only, so what the app sends is still tried.
    private bool _headMayGo; // Not before a body message: until then the app may fail, and the client get a 500 (ASGI specification).

    public override void Happened(LoopEvent what)
    {
        switch (what)
        {
            case LoopEvent.Read:
                (_reading, _hasRead) = (false, true);
                break;
            case LoopEvent.Flushed:
                _flushing = false;
                _gone |= Exchange.ClientGone;
                break;
            case LoopEvent.Left:
                _left = true;
                _gone |= Exchange.ClientGone;
                break;
        }

        if ((_ending && !IsOver) || (what == LoopEvent.Flushed && _headMayGo))
            Touch();
        WakeWaiting();
    }

    public override bool TimeOut()
    {
        if (IsOver || _ending)
            return false;
        CancelTask(Loop.Settings.RequestTimeout);
        Refuse(Refusal.TookTooLong);
        return true;
    }

    public override void Flush()
    {
        Flushing();
        if (IsOver)
            return;
        if (!_ending)
        {
            // The head, when the app takes its time with the body.
            if (_headMayGo && !Exchange.Response.Committed && !_flushing)
                Pushed(Exchange.Response.PushHead());
            return;
        }

        if (_reading)
            CancelRead();
        if (_reading || _flushing)
            return; // Their event brings us back.
        if (_hasRead && _readFailure is null)
            Advance(_read.Buffer.End); // A read that is left open is an error to Kestrel.
        Complete();
    }

    /// <summary>As if its own task had ended: for whom the call answers (a WebSocket that was denied).</summary>
    public void EndFor(PyRef error) => AppEnded(error);

    /// <summary>Whether the answer is complete, as far as the app is concerned.</summary>
    public bool IsAnswered => IsOver || _ending;

    /// <summary>Waits for that, or for anything else to happen.</summary>
    public Step WaitForMore() => Wait();

    protected override PyNew BuildScope(Scopes scopes) => scopes.Build(Exchange);

    protected override void AppEnded(PyRef error)
    {
        var departed = _gone || _left || (!IsOver && Exchange.ClientGone);
        var cancelled = IsEndOfLoop(error);
        if (!error.IsNull && !cancelled && !(departed && IsDeparture(error)))
            LogFailure(error);
        if (IsOver || _ending)
            return;
        if (error.IsNull && !departed)
            Loop.Log.Post(Exchange.Response.Started ? LogEvent.ResponseUnfinished : LogEvent.NoResponse, Exchange.Request.Method, Exchange.Path);
        Refuse(cancelled ? Refusal.Stopping : Refusal.AppFailed);
    }

    protected override void HandedBack()
    {
        base.HandedBack();
        handedBack?.Invoke();
    }

    protected override void AppAbandoned()
    {
        if (!IsOver && !_ending)
            Refuse(Refusal.Stopping);
        if (_flushing)
            Exchange.Response.CutOff(); // Else the client could take its time.
    }

    private void Refuse(Refusal refusal)
    {
        Exchange.Response.Refuse(refusal);
        _gone = true;
        End();
        WakeWaiting();
    }

    private void End()
    {
        _ending = true;
        Touch();
        WakeWaiting(); // A receive() that waits for the client's leaving: this is the end as well.
    }
}
