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
internal sealed class RequestBody(Settings settings, IdleSweep sweep) : IDisposable
{
    /// <summary>What Kestrel's own refusals while a body is read mean.</summary>
    public static Refusal RefusalFor(BadHttpRequestException failure) => failure.StatusCode switch
    {
        408 => Refusal.RequestTimeout,
        413 => Refusal.BodyTooLarge,
        _ => Truncated,
    };

    private static readonly Refusal Truncated = Refusal.BadRequest.Because("The request body ended early");

    private PipeReader? _reading;
    private readonly BodyPace _pace = new(settings);
    private long _waitsSince, _waitsUntil;
    private byte[] _memory = [];
    private bool _rented;

    /// <summary>Bytes received so far; after <see cref="ReceiveAsync"/> the decoded length of the body.</summary>
    public long Length { get; private set; }

    /// <summary>The file that holds it, when it did not fit into memory.</summary>
    public SafeFileHandle? File { get; private set; }

    /// <summary>The bytes, when they are in memory.</summary>
    public ReadOnlySpan<byte> Memory => _memory.AsSpan(0, File is null ? (int)Length : 0);

    /// <summary>
    /// Receives to the end. A refusal where the client sent too much, too slowly (<see cref="BodyPace"/>) or
    /// broken framing, or the disk is full. An OperationCanceledException or IOException means that the client has gone.
    /// </summary>
    public async ValueTask<Refusal?> ReceiveAsync(PipeReader reader, long? declared)
    {
        try
        {
            while (true)
            {
                var pending = reader.ReadAsync(CancellationToken.None);
                if (!pending.IsCompleted)
                    Watch(reader);
                var result = await pending;
                StopWatching(result.Buffer.Length);
                var refusal = result.IsCanceled ? Refusal.RequestTimeout
                    : Length + result.Buffer.Length >= settings.MaxRequestBodySize ? Refusal.BodyTooLarge
                    : null;
                if (refusal is not null)
                {
                    reader.AdvanceTo(result.Buffer.End); // A read that is left open is an error to Kestrel when it ends the body.
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
            return RefusalFor(e);
        }
    }

    public void Dispose()
    {
        if (_reading is not null)
            sweep.Remove(this);
        _reading = null;
        File?.Dispose();
        File = null;
        Length = 0;
        if (_rented)
            ArrayPool<byte>.Shared.Return(_memory);
        _memory = [];
        _rented = false;
        _waitsSince = 0;
        Volatile.Write(ref _waitsUntil, 0);
        _pace.Reset();
    }

    /// <summary>Ends the wait with a 408 when the body comes too slowly. Called by the sweep, on any thread.</summary>
    public void EndIfLate(long now)
    {
        if (Volatile.Read(ref _waitsUntil) is not (var until and not 0) || now <= until)
            return;
        try
        {
            Volatile.Read(ref _reading)?.CancelPendingRead();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // Closed just now, as the client has reset its stream; the read ends by itself.
        }
    }

    /// <summary>The app itself has read so many of its bytes, as they arrived.</summary>
    public void Count(int bytes) => Length += bytes;

    /// <summary>What was watched for has come: so many bytes.</summary>
    public void StopWatching(long bytes) => _pace.Note(bytes, EndWait());

    /// <summary>A read waits for the client: <see cref="EndIfLate"/> may end it. Most bodies are there with their headers, and are never watched.</summary>
    public void Watch(PipeReader reader)
    {
        _waitsSince = sweep.Now;
        Volatile.Write(ref _waitsUntil, sweep.After(_waitsSince, _pace.Patience));
        if (_reading is not null)
            return;
        Volatile.Write(ref _reading, reader);
        sweep.Add(this);
    }

    private TimeSpan EndWait()
    {
        if (_waitsSince == 0)
            return TimeSpan.Zero;
        Volatile.Write(ref _waitsUntil, 0);
        var waited = sweep.Between(_waitsSince, sweep.Now);
        _waitsSince = 0;
        return waited;
    }

    private ValueTask Store(ReadOnlyMemory<byte> piece, long? declared)
    {
        if (File is not null)
            return Append(piece);
        var needed = Length + piece.Length;
        if (needed > settings.InbufOverflow || needed > Array.MaxLength)
            return Overflow(piece);
        if (_memory.Length < needed)
            Grow((int)Math.Max(needed, Math.Min(declared ?? needed * 2, settings.InbufOverflow)));
        piece.Span.CopyTo(_memory.AsSpan((int)Length));
        Length += piece.Length;
        return default;
    }

    private void Grow(int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent(size);
        _memory.AsSpan(0, (int)Length).CopyTo(larger);
        if (_rented)
            ArrayPool<byte>.Shared.Return(_memory);
        (_memory, _rented) = (larger, true);
    }

    private async ValueTask Overflow(ReadOnlyMemory<byte> piece)
    {
        var file = TempFile.Create();
        File = file;
        await TempFile.WriteAsync(file, _memory.AsMemory(0, (int)Length), 0);
        await Append(piece);
    }

    private async ValueTask Append(ReadOnlyMemory<byte> piece)
    {
        await TempFile.WriteAsync(File!, piece, Length);
        Length += piece.Length;
    }
}
