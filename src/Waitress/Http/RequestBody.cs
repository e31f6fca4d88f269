using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.Win32.SafeHandles;
using Waitress.Configuration;
using Waitress.Guards;

namespace Waitress.Http;

/// <summary>
/// The body of one request, received whole before a worker is asked: in memory up to inbuf_overflow, in an unlinked
/// temporary file above. Reused by the requests of a connection; its pooled memory is given back at the end of each.
/// </summary>
internal sealed class RequestBody(Settings settings, TimeProvider time) : IDisposable
{
    private static readonly Refusal Truncated = Refusal.BadRequest.Because("The request body ended early");

    private CancellationTokenSource? idle;
    private byte[] memory = [];
    private bool rented;

    /// <summary>Bytes received so far; after <see cref="ReceiveAsync"/> the decoded length of the body.</summary>
    public long Length { get; private set; }

    /// <summary>The file that holds it, when it did not fit into memory.</summary>
    public SafeFileHandle? File { get; private set; }

    /// <summary>The bytes, when they are in memory.</summary>
    public ReadOnlySpan<byte> Memory => memory.AsSpan(0, File is null ? (int)Length : 0);

    /// <summary>
    /// Receives to the end. A refusal where the client sent too much, too slowly (no byte for channel_timeout seconds) or
    /// broken framing, or the disk is full. An OperationCanceledException or IOException means that the client has gone.
    /// </summary>
    public async ValueTask<Refusal?> ReceiveAsync(PipeReader reader, long? declared)
    {
        try
        {
            while (true)
            {
                var pending = reader.ReadAsync(CancellationToken.None);
                var result = pending.IsCompletedSuccessfully ? pending.Result : await InTime(pending, reader);
                var refusal = result.IsCanceled ? Refusal.RequestTimeout
                    : Length + result.Buffer.Length >= settings.MaxRequestBodySize ? Refusal.BodyTooLarge
                    : null;
                if (refusal is not null)
                {
                    reader.AdvanceTo(result.Buffer.End); // Kestrel reads on to find the end, and a read that is open is an error to it.
                    return refusal;
                }

                foreach (var piece in result.Buffer)
                    await Store(piece, declared);
                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return null;
            }
        }
        catch (BadHttpRequestException e)
        {
            return e.StatusCode switch
            {
                408 => Refusal.RequestTimeout,
                413 => Refusal.BodyTooLarge,
                _ => Truncated,
            };
        }
    }

    public void Dispose()
    {
        File?.Dispose();
        File = null;
        Length = 0;
        if (rented)
            ArrayPool<byte>.Shared.Return(memory);
        memory = [];
        rented = false;
    }

    // A timer only where the read has to wait: most bodies are there with their headers.
    private async ValueTask<ReadResult> InTime(ValueTask<ReadResult> pending, PipeReader reader)
    {
        idle ??= new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        idle.TryReset();
        idle.CancelAfter(TimeSpan.FromSeconds(settings.ChannelTimeout));
        await using var registration = idle.Token.UnsafeRegister(static state => ((PipeReader)state!).CancelPendingRead(), reader);
        var result = await pending;
        idle.CancelAfter(Timeout.Infinite);
        return result;
    }

    private ValueTask Store(ReadOnlyMemory<byte> piece, long? declared)
    {
        if (File is not null)
            return Append(piece);
        var needed = (int)Length + piece.Length;
        if (needed > settings.InbufOverflow)
            return Overflow(piece);
        if (memory.Length < needed)
            Grow(Math.Max(needed, (int)Math.Min(declared ?? needed * 2L, settings.InbufOverflow)));
        piece.Span.CopyTo(memory.AsSpan((int)Length));
        Length += piece.Length;
        return default;
    }

    private void Grow(int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent(size);
        memory.AsSpan(0, (int)Length).CopyTo(larger);
        if (rented)
            ArrayPool<byte>.Shared.Return(memory);
        (memory, rented) = (larger, true);
    }

    private async ValueTask Overflow(ReadOnlyMemory<byte> piece)
    {
        var file = TempFile.Create();
        File = file;
        await RandomAccess.WriteAsync(file, memory.AsMemory(0, (int)Length), 0);
        await Append(piece);
    }

    private async ValueTask Append(ReadOnlyMemory<byte> piece)
    {
        await RandomAccess.WriteAsync(File!, piece, Length);
        Length += piece.Length;
    }
}
