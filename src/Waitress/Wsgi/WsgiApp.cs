using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Wsgi;

/// <summary>
/// Stage 6: one call of the app (PEP 3333).
///
/// Receives a complete request on an attached Python thread and leaves a response that is gathered, sent, or refused. Whatever
/// the app raises ends here, SystemExit and KeyboardInterrupt included: it is logged with its traceback, and answered with 500 if
/// the head has not left. Python references are dropped before it returns, the iterable is closed exactly once.
/// Made and disposed attached.
/// </summary>
internal sealed partial class WsgiApp : IDisposable
{
    private readonly PythonSide _python;
    private readonly Environ _environs;
    private readonly PyPin _app;
    private readonly Settings _settings;
    private readonly Mailbox _log;

    public WsgiApp(Interpreter interpreter, PyRef app, Settings settings, Mailbox log)
    {
        (_settings, _log) = (settings, log);
        _python = new PythonSide(interpreter);
        _environs = new Environ(_python, settings);
        _app = app.Pin();
    }

    /// <summary>Serves the request; detaches while it sends.</summary>
    public void Serve(Exchange exchange)
    {
        if (exchange.ClientGaveUp)
        {
            // Nobody would read the answer; the app need not make it.
            exchange.Response.CutOff();
            exchange.ClientLost();
            return;
        }
        try
        {
            using var input = OpenInput(exchange);
            if (input.IsNull || !Call(exchange, input))
                Fail(exchange);
            CloseInput(exchange, input);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            PythonError.Clear();
            _log.Post(LogEvent.StorageFailed, "a response", e.Message);
            exchange.Response.Refuse(Refusal.StorageFailed);
        }
        catch (Exception e)
        {
            // A bug of ours. The worker has to live on: its thread would take the answers it holds with it, and its place in the queue.
            PythonError.Clear();
            _log.Post(LogEvent.EngineFault, e);
            exchange.Response.Refuse(Refusal.AppFailed);
        }
    }

    public void Dispose()
    {
        _app.Dispose();
        _environs.Dispose();
        _python.Dispose();
    }

    // False: a Python error is set.
    private bool Call(Exchange exchange, PyRef input)
    {
        using var environ = _environs.Build(exchange, input);
        if (environ.IsNull)
            return false;
        var port = new BodyPort(exchange, _log);
        var callableType = _python.Interpreter.CallableType;
        using var startResponse = new StartResponse(exchange, callableType, new WriteCallable(exchange, port, _python.ClientDisconnected)).ToPython(callableType.Ref);
        if (startResponse.IsNull)
            return false;
        using var result = PyObjects.Call(_app.Ref, environ, startResponse);
        if (result.IsNull)
            return false;
        return Answer(exchange, port, result);
    }

    private bool Answer(Exchange exchange, BodyPort port, PyRef result)
    {
        // A list or tuple of one bytes: what most frameworks and small apps return. It has no close().
        if ((PyObjects.IsList(result) && PySequences.ListLength(result) == 1)
            || (PyObjects.IsTuple(result) && PySequences.TupleLength(result) == 1))
        {
            using var only = PySequences.Item(result, 0);
            if (!only.IsNull && PyObjects.IsBytes(only) && exchange.Response is { Started: true, Committed: false } response)
            {
                var length = PyBytes.Span(only).Length;
                if (response.Declared is null)
                    response.Declare(length);
                if (port.TryGather(only))
                    return EndBody(exchange);
            }
        }

        BodyPort.Outcome sent;
        try
        {
            sent = PyObjects.IsInstance(result, _python.FileWrapper.Ref) ? AnswerFile(exchange, port, result) : Iterate(exchange, port, result);
        }
        catch (IOException)
        {
            Close(exchange, result, BodyPort.Outcome.ClientGone); // The disk is full; the iterable is closed all the same.
            throw;
        }

        return Close(exchange, result, sent) && (sent != BodyPort.Outcome.Sent || EndBody(exchange));
    }

    private BodyPort.Outcome Iterate(Exchange exchange, BodyPort port, PyRef result)
    {
        using var iterator = PyObjects.Iterate(result);
        if (iterator.IsNull)
            return BodyPort.Outcome.Failed;
        var first = true;
        while (true)
        {
            using var block = PyObjects.Next(iterator);
            if (block.IsNull)
                return PythonError.IsSet ? BodyPort.Outcome.Failed : BodyPort.Outcome.Sent;

            // The length of a body of one block is known without being told (PEP 3333); asked after the first block, because
            // start_response may be called as late as that.
            var length = first ? BodyPort.Measure(block) : -1;
            if (first && exchange.Response is { Declared: null, Committed: false } response && length >= 0
                && PyObjects.LengthOrMinusOne(result) == 1)
                response.Declare(length);
            first = false;
            if (length == 0 && PyObjects.IsBytes(block))
                continue;
            var outcome = port.Write(block);
            if (outcome == BodyPort.Outcome.ClientGone)
                LogDisconnected(exchange);
            if (outcome != BodyPort.Outcome.Sent)
                return outcome;
        }
    }

    // close() is called whatever happened before. Its own error is as good as one of the app's while nothing has left, as in Waitress;
    // afterwards it is only logged: the answer is whole. An earlier error stays the one that counts.
    private bool Close(Exchange exchange, PyRef result, BodyPort.Outcome sent)
    {
        if (PyObjects.IsList(result) || PyObjects.IsTuple(result))
            return sent != BodyPort.Outcome.Failed;
        using var earlier = PythonError.Take();
        using var close = PyObjects.FindAttribute(result, _environs.Keys.Close.Ref);
        if (!close.IsNull)
        {
            using var closed = PyObjects.Call(close);
            if (closed.IsNull && sent == BodyPort.Outcome.Sent && exchange.Response is { Committed: false, Written: 0 })
                return false;
            if (closed.IsNull)
                LogFailure(exchange);
        }

        if (sent != BodyPort.Outcome.Failed)
            return true;
        if (!earlier.IsNull)
            PythonError.Raise(earlier.Borrow());
        return false;
    }

    private bool EndBody(Exchange exchange)
    {
        var response = exchange.Response;
        if (!response.Started)
        {
            PythonError.Raise(PythonError.Fault.Assertion, "start_response was not called");
            return false;
        }

        if (response is { Declared: { } declared, Bodiless: false } && response.Written < declared && !exchange.IsHead)
        {
            _log.Post(LogEvent.TooFewBytes, response.Written, declared, exchange.Request.Method, exchange.Request.RawTarget);
            response.CutShort();
        }

        return true;
    }

    private void Fail(Exchange exchange)
    {
        if (exchange.InputRefusal is { } refusal)
        {
            PythonError.Clear();
            _log.Post(LogEvent.Refused, exchange.Peer, refusal.Status, refusal.Detail);
            exchange.Response.Refuse(refusal);
            return;
        }

        var traceback = LogFailure(exchange);
        exchange.Response.Refuse(_settings.ExposeTracebacks ? Refusal.AppFailed.Because(traceback) : Refusal.AppFailed);
    }

    private void LogDisconnected(Exchange exchange)
    {
        if (_settings.LogSocketErrors)
            _log.Post(LogEvent.Disconnected, exchange.Request.Method, exchange.Request.RawTarget);
    }

    private string LogFailure(Exchange exchange)
    {
        using var error = PythonError.Take();

        // What write() raised and the app let through. What an app makes of it, with it as the cause, is the app's own error.
        if (exchange.ClientGone && !error.IsNull && PyObjects.IsInstance(error, _python.ClientDisconnected.Ref))
        {
            LogDisconnected(exchange);
            return "";
        }

        using var message = PyTexts.FromText($"Exception while serving {exchange.Request.Method} {exchange.Path}");
        using var text = error.IsNull || message.IsNull ? default : PyObjects.Call(_python.LogFailure.Ref, message, error);
        if (!text.IsNull)
            return PyTexts.ToText(text);

        // Logging itself failed (a broken handler of the app's set-up): the entry goes where such errors go.
        PythonError.WriteUnraisable(_app.Ref);
        return "";
    }
}
