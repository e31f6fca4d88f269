using System.Net.WebSockets;
using Waitress.CPython;
using Waitress.Guards;
using static Waitress.CPython.PythonError;

namespace Waitress.Asgi;

/// <summary>From the app's decision to the open connection, or to the answer that there is none.</summary>
internal sealed partial class WebSocketCall
{
    private WebSocket? _socket;
    private Exception? _failure;
    private HttpCall? _denial; // Makes the answer when the app denies with one of its own, and hands the exchange back.
    private bool _ending;
    private int? _closeWhenOpen;

    private PyNew Accept(PyRef message)
    {
        var keys = Loop.Side.Messages;
        using var subprotocol = PyDicts.Get(message, keys.Subprotocol.Ref);
        var chosen = subprotocol.IsNull || subprotocol.Borrow().IsNone ? null : PyTexts.ToText(subprotocol);
        var response = Exchange.Response;
        var mistake = AsgiHead.ApplyHeaders(message, keys, response)
            ?? (chosen is null ? null : Wsgi.ResponseHead.Check("Sec-WebSocket-Protocol", chosen));
        if (mistake is not null)
        {
            response.Restart();
            return Raise(mistake.Fault, mistake.Message);
        }

        var options = new WebSocketCreationOptions
        {
            IsServer = true,
            SubProtocol = chosen,
            KeepAliveInterval = TimeSpan.FromSeconds(Loop.Settings.WsPingInterval),
            KeepAliveTimeout = Loop.Settings.WsPingTimeout > 0 ? TimeSpan.FromSeconds(Loop.Settings.WsPingTimeout) : Timeout.InfiniteTimeSpan,
            DangerousDeflateOptions = Loop.Settings.WsCompress ? WebSocketHandshake.Negotiate(Exchange.Request.Headers) : null,
        };
        WebSocketHandshake.Answer(Exchange, response.Headers, options);
        _phase = Phase.Accepting;
        _underWay++;
        using (PythonThread.Detach())
            _ = AcceptAsync(options);
        return new WaitAwaitable(Accepted).ToPython(Loop.Side.Interpreter.AwaitableType.Ref);
    }

    private async Task AcceptAsync(WebSocketCreationOptions options)
    {
        try
        {
            var stream = new WebSocketStream(await Exchange.UpgradeAsync(), Exchange);
            _socket = stream.Socket = WebSocket.CreateFromStream(stream, options);
        }
        catch (Exception e)
        {
            _failure = e;
        }

        Loop.Inbox.Post(this, LoopEvent.Accepted);
    }

    private void Opened()
    {
        _underWay--;
        if (_socket is null)
        {
            Closed(Abnormal, "");
            End();
            return;
        }

        _phase = Phase.Open;
        Loop.CountSocket(1);
        _underWay++;
        _ = ReadAsync(_socket);
        if (_abandoned)
            _socket.Abort();
        else if (_stopping)
            BeginClose(ServiceRestart, "");
        else if (_closeWhenOpen is { } code)
            BeginClose(code, "");
    }

    // What send({"type": "websocket.accept"}) waits for.
    private Step Accepted() => _phase switch
    {
        Phase.Accepting => Wait(),
        _ when _failure is not null => Failed(),
        _ => Step.Done(Singletons.NewNone()),
    };

    private Step Failed()
    {
        RaiseDisconnected();
        return Step.Failed;
    }

    private PyNew Deny()
    {
        Refuse(Refusal.WebSocketDenied);
        return Ready();
    }

    private PyNew BeginDenial(PyRef message)
    {
        var denial = new HttpCall(Loop, Exchange, HandedBack);
        using var sent = denial.SendHead(message);
        if (sent.IsNull)
            return default;
        Exchange.Response.CloseAfterwards();
        (_denial, _phase) = (denial, Phase.Denying);
        return sent.Move();
    }
}
