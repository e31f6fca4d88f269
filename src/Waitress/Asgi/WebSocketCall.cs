using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;
using static Waitress.CPython.PythonError;
using Fault = Waitress.CPython.PythonError.Fault;

namespace Waitress.Asgi;

/// <summary>
/// A WebSocket (ASGI WebSocket specification 2.5; RFC 6455): the state behind its receive() and send(). Frames are .NET's; messages arrive through a
/// bounded queue, so a client that sends faster than the app reads waits in its own socket. The exchange is handed back when the
/// connection has ended; the app's task may go on.
/// </summary>
internal sealed partial class WebSocketCall(EventLoop loop, Exchange exchange) : AsgiCall(loop, exchange)
{
    private const int NormalClosure = 1000, Abnormal = 1006, InternalError = 1011, ServiceRestart = 1012;

    private Phase _phase;
    private bool _connectGiven, _stopping, _abandoned;

    private enum Phase
    {
        /// <summary>The app has not decided yet.</summary>
        Asked,

        /// <summary>The handshake is under way.</summary>
        Accepting,
        Open,

        /// <summary>The app answers with an HTTP response instead.</summary>
        Denying,

        /// <summary>Nothing can be sent any more.</summary>
        Closed,
    }

    public override Step NextMessage()
    {
        if (!_connectGiven)
        {
            _connectGiven = true;
            return Step.Done(PyDicts.Copy(Loop.Side.Connect.Ref));
        }

        if (TryTakeMessage(out var message))
            return message.IsNull ? Step.Failed : Step.Done(message.Move());
        if (_phase == Phase.Closed)
            return Step.Done(Disconnected());
        if (_phase == Phase.Denying)
            return _denial!.IsAnswered ? Step.Done(Disconnected()) : _denial.WaitForMore();
        if (_phase == Phase.Asked)
            Exchange.WatchClient(() => Loop.Inbox.Post(this, LoopEvent.Left));
        return Wait();
    }

    public override PyNew Send(PyRef message)
    {
        if (!PyDicts.Is(message))
            return Raise(Fault.Type, $"send() takes a dict, not {PyObjects.TypeName(message)}");
        using var type = PyDicts.Get(message, Loop.Side.Messages.Type.Ref);
        if (type.IsNull || !PyObjects.IsText(type))
            return Raise(Fault.Value, "an ASGI message needs a type, which is a str");
        var name = PyTexts.Utf8(type, out _);
        if (_phase == Phase.Closed)
            return RaiseDisconnected();
        return _phase switch
        {
            Phase.Asked when name.SequenceEqual("websocket.accept"u8) => Accept(message),
            Phase.Asked when name.SequenceEqual("websocket.close"u8) => Deny(),
            Phase.Asked when name.SequenceEqual("websocket.http.response.start"u8) => BeginDenial(message),
            Phase.Denying when name.SequenceEqual("websocket.http.response.body"u8) => _denial!.SendBody(message),
            Phase.Open when name.SequenceEqual("websocket.send"u8) => SendMessage(message),
            Phase.Open when name.SequenceEqual("websocket.close"u8) => CloseByApp(message),
            _ => Raise(Fault.Runtime, $"{PyTexts.ToText(type)} was sent out of order: the WebSocket is {Describe()}"),
        };
    }

    public override void Happened(LoopEvent what)
    {
        switch (what)
        {
            case LoopEvent.Accepted:
                Opened();
                break;
            case LoopEvent.Left when _phase == Phase.Asked:
                Closed(Abnormal, "");
                End();
                break;
            case LoopEvent.Flushed:
                _underWay--;
                break;
            case LoopEvent.Ended:
                _underWay--;
                _readerEnded = true;
                if (_phase != Phase.Closed)
                    Closed(_endCode, _endReason);
                break;
            case LoopEvent.Stopping:
                _stopping = true;
                if (_phase == Phase.Open)
                    BeginClose(ServiceRestart, "");
                break;
        }

        if (_ending || _readerEnded)
            Touch();
        WakeWaiting();
    }

    public override void Flush()
    {
        Flushing();
        if (IsOver || !(_ending || _readerEnded) || _underWay > 0)
            return;
        if (_socket is not null)
            Loop.CountSocket(-1);
        _socket?.Dispose();
        Complete();
    }

    protected override PyNew BuildScope(Scopes scopes) => scopes.BuildWebSocket(Exchange);

    protected override void AppEnded(PyRef error)
    {
        if (!error.IsNull && _phase != Phase.Denying && !IsEndOfLoop(error) && !(_phase == Phase.Closed && IsDeparture(error)))
            LogFailure(error);
        DropMessages();
        switch (_phase)
        {
            case Phase.Asked when error.IsNull:
                Loop.Log.Post(LogEvent.NoResponse, Exchange.Request.Method, Exchange.Path);
                Refuse(Refusal.AppFailed);
                break;
            case Phase.Asked:
                Refuse(IsEndOfLoop(error) ? Refusal.Stopping : Refusal.AppFailed);
                break;
            case Phase.Denying:
                _denial!.EndFor(error);
                break;
            case Phase.Open:
                BeginClose(error.IsNull ? NormalClosure : InternalError, "");
                break;
            case Phase.Accepting:
                _closeWhenOpen = error.IsNull ? NormalClosure : InternalError;
                break;
        }
    }

    protected override void AppAbandoned()
    {
        _abandoned = true;
        DropMessages(); // The reader may wait for room.
        if (_phase == Phase.Asked)
            Refuse(Refusal.Stopping);
        else if (_phase == Phase.Denying)
            _denial!.Abandon();
        _socket?.Abort();
    }

    private void Refuse(Refusal refusal)
    {
        Exchange.Response.Refuse(refusal);
        Closed(Abnormal, "");
        End();
    }

    private void End()
    {
        _ending = true;
        Touch();
    }

    private string Describe() => _phase switch
    {
        Phase.Asked => "not accepted yet",
        Phase.Accepting => "being accepted",
        Phase.Denying => "denied",
        _ => "open",
    };
}
