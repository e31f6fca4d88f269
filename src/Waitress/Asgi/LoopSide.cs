using Waitress.CPython;
using Waitress.Wsgi;

namespace Waitress.Asgi;

/// <summary>The Python objects that one event loop's requests use. Made and disposed attached, on the loop's thread.</summary>
internal sealed class LoopSide : IDisposable
{
    private readonly List<PyPin> _pins = [];

    public LoopSide(Interpreter interpreter, PyRef app, PyRef tools, EventLoop loop)
    {
        Interpreter = interpreter;
        App = Keep(app.New());
        Serve = Keep(PyObjects.GetAttribute(tools, "serve"u8));
        CreateTask = Keep(PyObjects.GetAttribute(tools, "create_task"u8));
        CreateFuture = Keep(PyObjects.GetAttribute(tools, "create_future"u8));
        Wake = Keep(PyObjects.GetAttribute(tools, "wake"u8));
        CallSoon = Keep(PyObjects.GetAttribute(tools, "call_soon"u8));
        Expire = Keep(PyObjects.GetAttribute(tools, "expire"u8));
        LogFailure = Keep(PyObjects.GetAttribute(tools, "log_failure"u8));
        ClientDisconnected = Keep(PyObjects.GetAttribute(tools, "ClientDisconnected"u8));
        CancelledError = Keep(PyObjects.GetAttribute(tools, "CancelledError"u8));
        OSError = Keep(PyObjects.GetAttribute(tools, "OSError"u8));
        State = Keep(PyObjects.GetAttribute(tools, "state"u8));
        True = Keep(PyNumbers.From(true));
        CoroutineType = Keep(PyCallable.CreateCoroutineType());
        using var mark = PyObjects.GetAttribute(tools, "mark"u8).OrThrow();
        using var marked = PyObjects.Call(mark, CoroutineType.Ref).OrThrow();
        Flush = Keep(new FlushCallable(loop).ToPython(interpreter.CallableType.Ref));
        Ready = Keep(new ReadyAwaitable().ToPython(interpreter.AwaitableType.Ref));
        Messages = new MessageKeys();
        Disconnect = Message("http.disconnect");
        using var request = PyDicts.New().OrThrow();
        PyDicts.Set(request, "type", PyTexts.FromText("http.request"));
        PyDicts.Set(request, "body", PyBytes.From([]));
        PyDicts.Set(request, "more_body", PyNumbers.From(false));
        EmptyRequest = Keep(request.Borrow().New());
        Connect = Message("websocket.connect");
        Received = Message("websocket.receive");
        WebSocketDisconnect = Message("websocket.disconnect");
    }

    public Interpreter Interpreter { get; }

    public PyPin App { get; }

    /// <summary>serve(app, scope, receive, send, ended): the coroutine function around the app.</summary>
    public PyPin Serve { get; }

    public PyPin CreateTask { get; }

    public PyPin CreateFuture { get; }

    /// <summary>wake(future): sets its result unless it is done, or was cancelled.</summary>
    public PyPin Wake { get; }

    public PyPin CallSoon { get; }

    /// <summary>The type of receive and send.</summary>
    public PyPin CoroutineType { get; }

    /// <summary>Calls <see cref="EventLoop.Flush"/>.</summary>
    public PyPin Flush { get; }

    /// <summary>expire(task, request, seconds): logs the task's stack and cancels it.</summary>
    public PyPin Expire { get; }

    public PyPin LogFailure { get; }

    /// <summary>The OSError of a send() that nobody is left to read.</summary>
    public PyPin ClientDisconnected { get; }

    public PyPin CancelledError { get; }

    /// <summary>OSError(errno, text, path) makes the subclass that the number stands for.</summary>
    public PyPin OSError { get; }

    /// <summary>What the lifespan's start-up has left for the requests: a dict, of which each scope has a copy; or None.</summary>
    public PyPin State { get; }

    public PyPin True { get; }

    /// <summary>The awaitable that is done: what most calls of send() return.</summary>
    public PyPin Ready { get; }

    public MessageKeys Messages { get; }

    public PyPin Disconnect { get; }

    /// <summary>The message of a request without a body.</summary>
    public PyPin EmptyRequest { get; }

    /// <summary>Templates of the messages of WebSockets.</summary>
    public PyPin Connect { get; }

    public PyPin Received { get; }

    public PyPin WebSocketDisconnect { get; }

    /// <summary>A future for a task to wait on, which counts as awaited (asyncio's protocol between tasks and futures).</summary>
    public PyNew NewFuture()
    {
        using var future = PyObjects.Call(CreateFuture.Ref);
        return future.IsNull || !PyObjects.SetAttribute(future, "_asyncio_future_blocking"u8, True.Ref) ? default : future.Move();
    }

    public void Dispose()
    {
        foreach (var pin in _pins)
            pin.Dispose();
        Messages.Dispose();
    }

    private PyPin Message(string type)
    {
        using var message = PyDicts.New().OrThrow();
        PyDicts.Set(message, "type", PyTexts.FromText(type));
        return Keep(message.Borrow().New());
    }

    private PyPin Keep(PyNew value)
    {
        using var owned = value.OrThrow();
        var pin = owned.Pin();
        _pins.Add(pin);
        return pin;
    }
}

/// <summary>The keys of ASGI's messages as interned strings.</summary>
internal sealed class MessageKeys : IDisposable
{
    private readonly List<PyPin> _pins = [];

    public MessageKeys()
    {
        Type = Intern("type");
        Status = Intern("status");
        Headers = Intern("headers");
        Trailers = Intern("trailers");
        MoreTrailers = Intern("more_trailers");
        Body = Intern("body");
        MoreBody = Intern("more_body");
        Path = Intern("path");
        Links = Intern("links");
        Subprotocol = Intern("subprotocol");
        Bytes = Intern("bytes");
        Text = Intern("text");
        Code = Intern("code");
        Reason = Intern("reason");
    }

    public PyPin Type { get; }

    public PyPin Status { get; }

    public PyPin Headers { get; }

    public PyPin Trailers { get; }

    public PyPin MoreTrailers { get; }

    public PyPin Body { get; }

    public PyPin MoreBody { get; }

    public PyPin Path { get; }

    public PyPin Links { get; }

    public PyPin Subprotocol { get; }

    public PyPin Bytes { get; }

    public PyPin Text { get; }

    public PyPin Code { get; }

    public PyPin Reason { get; }

    public void Dispose() => _pins.ForEach(pin => pin.Dispose());

    private PyPin Intern(string key)
    {
        var pin = PyTexts.Intern(key).OrThrow().Pin();
        _pins.Add(pin);
        return pin;
    }
}
