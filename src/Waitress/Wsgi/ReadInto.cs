using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Wsgi;

/// <summary>
/// readinto of a body that still arrives (asynchronous=false): waits, detached, until at least one byte is there, and
/// returns how many it has put into the buffer; 0 is the end. OSError when the client breaks off, sends broken framing, too
/// much, or too slowly (<see cref="BodyPace"/>).
/// </summary>
internal sealed class ReadInto(AppCall call, Settings settings) : PyCallable
{
    private static readonly Refusal ClientLeft = Refusal.BadRequest.Because("The client has disconnected");

    private readonly Exchange _exchange = call.Exchange;
    private readonly BodyPace _pace = new(settings);
    private long _total;
    private bool _ended;
    private Refusal? _failure;

    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("readinto", 1, 1);
        using var scope = call.Enter();
        if (!scope.Entered)
            return PythonError.Raise(PythonError.Fault.Value, "read of a request body after its request had ended");
        using var buffer = new PyBuffer();
        if (!buffer.TryTake(arguments[0], writable: true))
            return default;
        var read = 0;
        using (PythonThread.Detach())
        {
            // A failure stays: read again, a body that broke off must not look like one that ended, nor a read be begun twice.
            var began = call.BeginWait();
            if (_failure is null)
                (read, _failure) = Read(buffer.WritableBytes);
            call.EndWait(began);
        }

        // The answer, should the app let the error through: it is the client's fault, and nothing to show a traceback for.
        _exchange.InputRefusal = _failure;
        return _failure is null ? PyNumbers.From(read) : PythonError.Raise(PythonError.Fault.Connection, _failure.Detail);
    }

    private (int Read, Refusal? Problem) Read(Span<byte> destination)
    {
        if (_ended || destination.IsEmpty)
            return (0, null);
        try
        {
            var pending = _exchange.BodyReader.ReadAsync(CancellationToken.None).AsTask();
            var waited = TimeSpan.Zero;
            if (!pending.IsCompleted && !Arrived(pending, out waited))
                return (0, Refusal.RequestTimeout);
            var result = pending.GetAwaiter().GetResult();
            var length = (int)Math.Min(result.Buffer.Length, destination.Length);
            var taken = result.Buffer.Slice(0, length);
            taken.CopyTo(destination);
            _ended = result.IsCompleted && length == result.Buffer.Length;
            _exchange.BodyReader.AdvanceTo(taken.End);
            _total += length;
            _pace.Note(length, waited);
            if (_exchange.BrokenFraming is { } broken)
                return (0, broken);
            return _total >= settings.MaxRequestBodySize ? (0, Refusal.BodyTooLarge) : (length, null);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            return (0, _exchange.BrokenFraming ?? (e is BadHttpRequestException bad ? RequestBody.RefusalFor(bad) : ClientLeft));
        }
    }

    private bool Arrived(Task<ReadResult> pending, out TimeSpan waited)
    {
        var began = TimeProvider.System.GetTimestamp();
        try
        {
            return pending.Wait(_pace.Patience, CancellationToken.None);
        }
        catch (AggregateException)
        {
            return true; // GetResult throws what it holds.
        }
        finally
        {
            waited = TimeProvider.System.GetElapsedTime(began);
        }
    }
}
