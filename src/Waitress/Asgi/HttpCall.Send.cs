using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;
using Waitress.CPython;
using Waitress.Response;
using Waitress.Telemetry;
using static Waitress.CPython.PythonError;

namespace Waitress.Asgi;

/// <summary>send(): the app's messages become the response.</summary>
internal sealed partial class HttpCall
{
    /// <summary>What is handed to Kestrel at once: its flow control works between such pieces.</summary>
    private const int Piece = 65_536;

    private bool _flushing; // The client has to take something first; nothing may be written meanwhile.
    private bool _bodySent, _trailersFollow, _tooMuch, _forbidden;

    /// <summary>An awaitable, or null with a Python error set.</summary>
    public override PyNew Send(PyRef message)
    {
        if (!PyDicts.Is(message))
            return Raise(Fault.Type, $"send() takes a dict, not {PyObjects.TypeName(message)}");
        using var type = PyDicts.Get(message, Loop.Side.Messages.Type.Ref);
        if (type.IsNull || !PyObjects.IsText(type))
            return Raise(Fault.Value, "an ASGI message needs a type, which is a str");
        var name = PyTexts.Utf8(type, out _);
        if (!_gone && !IsOver && Exchange.ClientGone && IsWaitedFor)
        {
            // Found before the event that tells it. A framework's task in receive() shall hear of it first, and end the stream in its way: the exception,
            // thrown into the midst of it, would leave a generator open until Python collects its garbage. This message goes nowhere, the next one raises.
            _gone = true;
            WakeWaiting();
            return Ready();
        }

        if (_gone || (!IsOver && Exchange.ClientGone))
            return RaiseDisconnected();
        if (IsOver || _ending)
            return Raise(Fault.Runtime, $"{PyTexts.ToText(type)} was sent after the response was complete");
        if (name.SequenceEqual("http.response.body"u8))
            return SendBody(message);
        if (name.SequenceEqual("http.response.start"u8))
            return SendHead(message);
        if (name.SequenceEqual("http.response.pathsend"u8))
            return SendPath(message);
        if (name.SequenceEqual("http.response.trailers"u8))
            return SendTrailers(message);
        if (name.SequenceEqual("http.response.early_hint"u8))
            return SendHint(message);
        return Raise(Fault.Value, $"{PyTexts.ToText(type)} is not a message of an HTTP response");
    }

    /// <summary>Hands on what is left of a body, as long as the client takes it.</summary>
    public Step GoOnSending(PyRef body, ref int sent, bool last)
    {
        while (true)
        {
            if (_gone || (!IsOver && Exchange.ClientGone))
            {
                RaiseDisconnected();
                return Step.Failed;
            }

            if (IsOver || _ending)
                return Step.Done(Singletons.NewNone());
            if (_flushing)
                return Wait();
            using var buffer = new PyBuffer();
            if (!buffer.TryTake(body))
                return Step.Failed;
            if (sent >= buffer.Bytes.Length)
            {
                EndBody(last);
                return Step.Done(Singletons.NewNone());
            }

            sent += Push(buffer.Bytes[sent..]);
        }
    }

    /// <summary>http.response.start.</summary>
    public PyNew SendHead(PyRef message)
    {
        if (Exchange.Response.Started)
            return Raise(Fault.Runtime, "http.response.start was sent twice");
        using var trailers = PyDicts.Get(message, Loop.Side.Messages.Trailers.Ref);
        if (AsgiHead.Apply(message, Loop.Side.Messages, Exchange.Response) is { } mistake)
        {
            Exchange.Response.Restart();
            return Raise(mistake.Fault, mistake.Message);
        }

        _trailersFollow = !trailers.IsNull && PyObjects.IsTrue(trailers);
        return Ready();
    }

    /// <summary>http.response.body.</summary>
    public PyNew SendBody(PyRef message)
    {
        if (!Exchange.Response.Started || _bodySent)
            return Raise(Fault.Runtime, _bodySent ? "http.response.body was sent after the body's end" : "http.response.body was sent before http.response.start");
        using var body = PyDicts.Get(message, Loop.Side.Messages.Body.Ref);
        using var more = PyDicts.Get(message, Loop.Side.Messages.MoreBody.Ref);
        if (body.IsNull && IsSet)
            return default;
        var last = more.IsNull || !PyObjects.IsTrue(more);
        if (body.IsNull)
        {
            EndBody(last);
            return Ready();
        }

        var sent = 0;
        using var buffer = new PyBuffer();
        if (!buffer.TryTake(body))
            return default;
        var bytes = Fitting(buffer.Bytes);
        var response = Exchange.Response;
        if (response.Bodiless && !bytes.IsEmpty && !_forbidden)
        {
            _forbidden = true;
            Loop.Log.Post(LogEvent.BodyForbidden, response.Status, Exchange.Request.Method, Exchange.Request.RawTarget);
        }

        if (last && !response.Committed && !_flushing && !_trailersFollow)
        {
            if (response.Declared is null)
                response.Declare(bytes.Length);
            if (response.TryGather(bytes))
            {
                EndBody(last);
                return Ready();
            }
        }

        while (!_flushing && sent < bytes.Length && !Exchange.ClientGone)
            sent += Push(bytes[sent..]);
        if (sent == bytes.Length && !_flushing)
        {
            EndBody(last);
            return Ready();
        }

        // Cut to the announced length where it has to be; else the app's own object, which nothing copies.
        var rest = bytes.Length == buffer.Bytes.Length ? body.Borrow().New() : PyBytes.From(bytes);
        using var owned = rest.Move();
        return owned.IsNull ? default : new SendAwaitable(this, owned.Pin(), sent, last).ToPython(Loop.Side.Interpreter.AwaitableType.Ref);
    }

    private PyNew SendPath(PyRef message)
    {
        var response = Exchange.Response;
        if (!response.Started || _bodySent || response.Committed)
            return Raise(Fault.Runtime, "http.response.pathsend has to follow http.response.start");
        using var path = PyDicts.Get(message, Loop.Side.Messages.Path.Ref);
        if (path.IsNull || !PyObjects.IsText(path))
            return Raise(Fault.Type, "http.response.pathsend needs a path, which is a str");
        if (!TryOpen(PyTexts.ToText(path), out var handle, out var number))
            return RaiseOSError(number, path);
        var length = RandomAccess.GetLength(handle!);
        if (response.Declared is null)
            response.Declare(length);
        response.SendFile(handle!, 0);
        EndBody(last: true);
        return Ready();
    }

    // False: the errno that stands for the reason; these have the same number everywhere.
    private static bool TryOpen(string path, out SafeFileHandle? handle, out int number)
    {
        const int noSuchFile = 2, ioError = 5, accessDenied = 13;
        (handle, number) = (null, 0);
        try
        {
            handle = File.OpenHandle(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            number = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => noSuchFile,
                UnauthorizedAccessException => accessDenied,
                _ => ioError,
            };
            return false;
        }
    }

    private PyNew RaiseOSError(int number, PyRef path)
    {
        using var code = PyNumbers.From((long)number);
        using var text = PyTexts.FromText("The file can't be opened");
        using var error = code.IsNull || text.IsNull ? default : PyObjects.Call(Loop.Side.OSError.Ref, code, text, path);
        return error.IsNull ? default : PythonError.Raise(error.Borrow());
    }

    private PyNew SendTrailers(PyRef message)
    {
        if (!_bodySent || !_trailersFollow)
            return Raise(Fault.Runtime, "http.response.trailers has to be announced in http.response.start, and to follow the body");
        using var more = PyDicts.Get(message, Loop.Side.Messages.MoreTrailers.Ref);
        if (AsgiHead.ApplyTrailers(message, Loop.Side.Messages, Exchange.Response) is { } mistake)
            return Raise(mistake.Fault, mistake.Message);
        if (more.IsNull || !PyObjects.IsTrue(more))
            End();
        return Ready();
    }

    private void EndBody(bool last)
    {
        if (!last)
        {
            _headMayGo = true; // An empty first block: the head leaves with this turn.
            Touch();
            return;
        }

        _bodySent = true;
        var response = Exchange.Response;
        if (response is { Declared: { } declared, Bodiless: false } && response.Written < declared && !Exchange.IsHead)
        {
            Loop.Log.Post(LogEvent.TooFewBytes, response.Written, declared, Exchange.Request.Method, Exchange.Request.RawTarget);
            response.CutShort();
        }

        if (!_trailersFollow || (response is { Declared: not null } && !Exchange.IsMultiplexed))
            End();
    }

    private ReadOnlySpan<byte> Fitting(ReadOnlySpan<byte> bytes)
    {
        var fitting = Exchange.Response.Fitting(bytes.Length);
        if (fitting == bytes.Length)
            return bytes;
        if (!_tooMuch)
            Loop.Log.Post(LogEvent.TooManyBytes, Exchange.Response.Declared, Exchange.Request.Method, Exchange.Request.RawTarget);
        _tooMuch = true;
        return bytes[..fitting];
    }

    // How much was handed on. The GIL is given up meanwhile: the socket may be written to on this very thread.
    private int Push(ReadOnlySpan<byte> bytes)
    {
        var piece = bytes[..Math.Min(bytes.Length, Piece)];
        using (PythonThread.Detach())
            Pushed(Exchange.Response.Push(piece));
        return piece.Length;
    }

    private void Pushed(ValueTask<FlushResult> flush)
    {
        if (flush.IsCompletedSuccessfully)
        {
            Exchange.Response.Note(flush.Result);
            return;
        }

        _flushing = true;
        _ = FinishFlush(flush);
    }

    private async Task FinishFlush(ValueTask<FlushResult> flush)
    {
        try
        {
            await ClientPace.KeepAsync(flush, Exchange, Loop.Settings);
        }
        catch (Exception e)
        {
            // Whatever it is, the loop has to be told: a flush that never ends would keep the request, and the stop, waiting for ever.
            if (!IsClosed(e))
                Loop.Log.Post(LogEvent.EngineFault, e);
            Exchange.ClientLost();
        }

        Loop.Inbox.Post(this, LoopEvent.Flushed);
    }
}
