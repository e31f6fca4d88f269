using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Http;

namespace Waitress.Wsgi;

/// <summary>
/// readinto of a body that still arrives (asynchronous=false): waits, detached, until at least one byte is there, and
/// returns how many it has put into the buffer; 0 is the end. OSError when the client breaks off, sends broken framing, too
/// much, or nothing for channel_timeout seconds.
/// </summary>
internal sealed class ReadInto(Exchange exchange, Settings settings) : PyCallable
{
    private readonly int number = exchange.Number;
    private long total;
    private bool ended;
    private string? failure;

    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("readinto", 1, 1);
        if (exchange.Number != number)
            return PythonError.Raise(PythonError.Fault.Value, "read of a request body after its request had ended");
        using var buffer = new PyBuffer();
        if (!buffer.TryTake(arguments[0], writable: true))
            return default;
        var read = 0;
        using (PythonThread.Detach())
        {
            // A failure stays: read again, a body that broke off must not look like one that ended, nor a read be begun twice.
            if (failure is null)
                (read, failure) = Read(buffer.WritableBytes);
        }

        return failure is null ? PyNumbers.From(read) : PythonError.Raise(PythonError.Fault.Connection, failure);
    }

    private (int Read, string? Problem) Read(Span<byte> destination)
    {
        if (ended || destination.IsEmpty)
            return (0, null);
        try
        {
            var pending = exchange.BodyReader.ReadAsync(CancellationToken.None).AsTask();
            if (!pending.IsCompleted && !Arrived(pending))
                return (0, "The client sent nothing for too long");
            var result = pending.GetAwaiter().GetResult();
            var length = (int)Math.Min(result.Buffer.Length, destination.Length);
            var taken = result.Buffer.Slice(0, length);
            taken.CopyTo(destination);
            ended = result.IsCompleted && length == result.Buffer.Length;
            exchange.BodyReader.AdvanceTo(taken.End);
            total += length;
            if (exchange.BrokenFraming is { } broken)
                return (0, broken.Detail);
            return total >= settings.MaxRequestBodySize ? (0, "The request body is too large") : (length, null);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            return (0, e is BadHttpRequestException ? e.Message : "The client has disconnected");
        }
    }

    private bool Arrived(Task<ReadResult> pending)
    {
        try
        {
            return pending.Wait(TimeSpan.FromSeconds(settings.ChannelTimeout), CancellationToken.None);
        }
        catch (AggregateException)
        {
            return true; // GetResult throws what it holds.
        }
    }
}
