using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Guards;
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

    /// <summary>Serves the request; detaches while it sends. False: it took too long, and its exchange is no longer the caller's to complete.</summary>
    public bool Serve(AppCall call)
    {
        var exchange = call.Exchange;
        if (exchange.ClientGaveUp)
        {
            // Nobody would read the answer; the app need not make it.
            exchange.Response.CutOff();
            exchange.ClientLost();
            return call.End();
        }

        try
        {
            // A file that is left to the garbage collector would be reported by Python (ResourceWarning); memory need not be closed.
            var isFile = exchange.Body.File is not null;
            using var input = OpenInput(call);
            if (input.IsNull || !Call(call, input))
                Fail(call);
            if (isFile)
                CloseInput(input);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            PythonError.Clear();
            _log.Post(LogEvent.StorageFailed, "a response", e.Message);
            Refuse(call, Refusal.StorageFailed);
        }
        catch (Exception e)
        {
            // A bug of ours. The worker has to live on: its thread would take the answers it holds with it, and its place in the queue.
            PythonError.Clear();
            _log.Post(LogEvent.EngineFault, e);
            Refuse(call, Refusal.AppFailed);
        }

        return call.End();
    }

    public void Dispose()
    {
        _app.Dispose();
        _environs.Dispose();
        _python.Dispose();
    }

    // False: a Python error is set.
    private bool Call(AppCall call, PyRef input)
    {
        using var environ = _environs.Build(call, input);
        if (environ.IsNull)
            return false;
        var port = new BodyPort(call, _log);
        using var startResponse = new StartResponse(call, _python, new WriteCallable(call, _python, port)).ToPython(_python.Interpreter.CallableType.Ref);
        if (startResponse.IsNull)
            return false;
        call.LetAppRun();
        using var result = PyObjects.Call(_app.Ref, environ, startResponse);
        return !result.IsNull && Answer(call, port, result);
    }

    private bool Answer(AppCall call, BodyPort port, PyRef result)
    {
        // A list or tuple of one bytes: what most frameworks and small apps return. It has no close().
        if ((PyObjects.IsList(result) && PySequences.ListLength(result) == 1)
            || (PyObjects.IsTuple(result) && PySequences.TupleLength(result) == 1))
        {
            using var only = PySequences.Item(result, 0);
            using var scope = call.Enter();
            if (!only.IsNull && PyObjects.IsBytes(only) && scope.Entered && call.Exchange.Response is { Started: true, Committed: false } response)
            {
                var length = PyBytes.Span(only).Length;
                if (response.Declared is null)
                    response.Declare(length);
                if (port.TryGather(only))
                    return EndBody(call);
            }

            if (only.IsNull)
                PythonError.Clear(); // Another thread has emptied the list meanwhile.
        }

        BodyPort.Outcome sent;
        try
        {
            sent = PyObjects.IsInstance(result, _python.FileWrapper.Ref) ? AnswerFile(call, port, result) : Iterate(call, port, result);
        }
        catch (IOException)
        {
            Close(call, result, BodyPort.Outcome.ClientGone); // The disk is full; the iterable is closed all the same.
            throw;
        }

        return Close(call, result, sent) && (sent != BodyPort.Outcome.Sent || EndBody(call));
    }

    private BodyPort.Outcome Iterate(AppCall call, BodyPort port, PyRef result)
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
            if (first && length >= 0 && PyObjects.LengthOrMinusOne(result) == 1)
                Declare(call, length);
            first = false;
            if (length == 0 && PyObjects.IsBytes(block))
                continue;
            var outcome = port.Write(block);
            if (outcome == BodyPort.Outcome.ClientGone)
                TellDisconnected(call);
            if (outcome != BodyPort.Outcome.Sent)
                return outcome;
        }
    }

    private static void Declare(AppCall call, long length)
    {
        using var scope = call.Enter();
        if (scope.Entered && call.Exchange.Response is { Declared: null, Committed: false } response)
            response.Declare(length);
    }

    private void TellDisconnected(AppCall call)
    {
        if (!_settings.LogSocketErrors)
            return;
        using var scope = call.Enter();
        if (scope.Entered)
            _log.Post(LogEvent.Disconnected, call.Exchange.Request.Method, call.Exchange.Request.RawTarget);
    }

    // close() is called whatever happened before. Its own error is as good as one of the app's while nothing has left, as in Waitress;
    // afterwards it is only logged: the answer is whole. An earlier error stays the one that counts.
    private bool Close(AppCall call, PyRef result, BodyPort.Outcome sent)
    {
        if (PyObjects.IsList(result) || PyObjects.IsTuple(result))
            return sent != BodyPort.Outcome.Failed;
        using var earlier = PythonError.Take();
        using var close = PyObjects.FindAttribute(result, _environs.Keys.Close.Ref);
        if (!close.IsNull)
        {
            using var closed = PyObjects.Call(close);
            if (closed.IsNull && sent == BodyPort.Outcome.Sent && NothingHasLeft(call))
                return false;
            if (closed.IsNull)
                LogFailure(call);
        }

        if (sent != BodyPort.Outcome.Failed)
            return true;
        if (!earlier.IsNull)
            PythonError.Raise(earlier.Borrow());
        return false;
    }

    private static bool NothingHasLeft(AppCall call)
    {
        using var scope = call.Enter();
        return scope.Entered && call.Exchange.Response is { Committed: false, Written: 0 };
    }

    private bool EndBody(AppCall call)
    {
        using var scope = call.Enter();
        if (!scope.Entered)
            return true;
        var (exchange, response) = (call.Exchange, call.Exchange.Response);
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

    private void Fail(AppCall call)
    {
        using var scope = call.Enter();
        if (scope.Entered && call.Exchange.InputRefusal is { } refusal)
        {
            PythonError.Clear();
            _log.Post(LogEvent.Refused, call.Exchange.Peer, refusal.Status, refusal.Detail);
            call.Exchange.Response.Refuse(refusal);
            return;
        }

        var traceback = LogFailure(call);
        if (scope.Entered)
            call.Exchange.Response.Refuse(_settings.ExposeTracebacks ? Refusal.AppFailed.Because(traceback) : Refusal.AppFailed);
    }

    // Inside a scope: the app is done, and neither its time nor an exception that ends it shall reach the logging. Where the time was up already,
    // the client has its answer; what is left is to say what else the app raised, if it was not the exception that told it so.
    private string LogFailure(AppCall call)
    {
        using var scope = call.Enter();
        using var error = PythonError.Take();
        if (!scope.Entered)
        {
            call.End();
            if (error.IsNull || PyObjects.IsInstance(error, _python.RequestTimeout.Ref))
                return "";
        }
        else if (call.Exchange.ClientGone && !error.IsNull && PyObjects.IsInstance(error, _python.ClientDisconnected.Ref))
        {
            // What write() raised and the app let through. What an app makes of it, with it as the cause, is the app's own error.
            TellDisconnected(call);
            return "";
        }

        var what = scope.Entered ? $"{call.Exchange.Request.Method} {call.Exchange.Path}" : call.Description;
        using var message = PyTexts.FromText($"Exception while serving {what}");
        using var text = error.IsNull || message.IsNull ? default : PyObjects.Call(_python.LogFailure.Ref, message, error);
        if (!text.IsNull)
            return PyTexts.ToText(text);

        // Logging itself failed (a broken handler of the app's set-up): the entry goes where such errors go.
        PythonError.WriteUnraisable(_app.Ref);
        return "";
    }

    private static void Refuse(AppCall call, Refusal reason)
    {
        using var scope = call.Enter();
        if (scope.Entered)
            call.Exchange.Response.Refuse(reason);
    }
}
