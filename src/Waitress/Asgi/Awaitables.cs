using Waitress.CPython;

namespace Waitress.Asgi;

/// <summary>Done from the start; stateless, so that one serves all.</summary>
internal sealed class ReadyAwaitable : PyAwaitable
{
    protected override Step Continue() => Step.Done(Singletons.NewNone());
}

/// <summary>Goes on by what it is given.</summary>
internal sealed class WaitAwaitable(Func<Step> next) : PyAwaitable
{
    protected override Step Continue() => next();
}

/// <summary>What receive() returns.</summary>
internal sealed class ReceiveAwaitable(AsgiCall call) : PyAwaitable
{
    protected override Step Continue() => call.NextMessage();
}

/// <summary>What a send() returns whose bytes the client has to take first. Holds the body until all of it is handed on.</summary>
/// <param name="call">Whose answer it is.</param>
/// <param name="body">The app's bytes; disposed when they are sent, or nobody waits any more.</param>
/// <param name="sent">How many of them are handed on already.</param>
/// <param name="last">Whether the answer ends with them.</param>
internal sealed class SendAwaitable(HttpCall call, PyPin body, int sent, bool last) : PyAwaitable
{
    private int _sent = sent;
    private bool _over;

    protected override Step Continue()
    {
        if (_over)
            return Step.Done(Singletons.NewNone());
        var step = call.GoOnSending(body.Ref, ref _sent, last);
        if (!step.IsWait)
            GiveUp();
        return step;
    }

    // Cancelled in the middle of a body: the app may send on, and what it left out makes the answer too short, which is noticed at its end.
    protected override void GiveUp()
    {
        if (_over)
            return;
        _over = true;
        body.Dispose();
    }
}

/// <summary>receive() of one request.</summary>
internal sealed class ReceiveCallable(AsgiCall call, PyPin awaitableType) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("receive", 0, 0);
        return new ReceiveAwaitable(call).ToPython(awaitableType.Ref);
    }
}

/// <summary>send(message) of one request.</summary>
internal sealed class SendCallable(AsgiCall call) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("send", 1, 1);
        return call.Send(arguments[0]);
    }
}

/// <summary>ended(error): how waitress._asgi.serve tells that the app has returned, or what it raised.</summary>
internal sealed class EndedCallable(AsgiCall call) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("ended", 1, 1);
        call.TaskEnded(arguments[0]);
        return Singletons.NewNone();
    }
}

/// <summary>What call_soon() has the loop call at the end of a turn.</summary>
internal sealed class FlushCallable(EventLoop loop) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        loop.Flush();
        return Singletons.NewNone();
    }
}
