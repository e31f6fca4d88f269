using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Waitress.Guards;

namespace Waitress.Http;

/// <summary>
/// What Kestrel writes a connection through. In an exchange each call is forwarded after one test. Outside of one Kestrel writes only
/// to refuse a request that no application has seen; that answer, which has no text, is caught and replaced by ours.
/// </summary>
internal sealed class WireWriter(PipeWriter inner, WireGuard wire) : PipeWriter
{
    // Kestrel's own answers take about 120 bytes, so this is asked for once at most.
    private const int ScratchSize = 1024;

    private ArrayBufferWriter<byte>? _caught;

    /// <summary>The refusal that was sent in Kestrel's place, or null.</summary>
    public Refusal? Refused { get; private set; }

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    /// <inheritdoc/>
    public override long UnflushedBytes => wire.InExchange ? inner.UnflushedBytes : _caught?.WrittenCount ?? 0;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0) => wire.InExchange ? inner.GetMemory(sizeHint) : Caught.GetMemory(sizeHint);

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => wire.InExchange ? inner.GetSpan(sizeHint) : Caught.GetSpan(sizeHint);

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        if (wire.InExchange)
            inner.Advance(bytes);
        else
            Caught.Advance(bytes);
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (!wire.InExchange && _caught is { WrittenCount: > 0 })
            Refuse(_caught);
        return inner.FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (wire.InExchange)
            return inner.WriteAsync(source, cancellationToken);
        Caught.Write(source.Span);
        return FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <inheritdoc/>
    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private ArrayBufferWriter<byte> Caught => _caught ??= new ArrayBufferWriter<byte>(ScratchSize);

    private void Refuse(ArrayBufferWriter<byte> caught)
    {
        // The connection ends with its first refusal: whatever Kestrel might add is dropped.
        var status = StatusOf(caught.WrittenSpan);
        caught.ResetWrittenCount();
        if (Refused is not null)
            return;
        Refused = RefusalFor(status);
        inner.Write(wire.Refuse(Refused));
    }

    // What is no HTTP answer at all is the frame that tells a client with prior knowledge of HTTP/2 to use HTTP/1.1.
    private static int StatusOf(ReadOnlySpan<byte> answer) =>
        answer.Length > 12 && answer.StartsWith("HTTP/1.1 "u8) && int.TryParse(Encoding.ASCII.GetString(answer.Slice(9, 3)), out var status)
            ? status
            : Refusal.UnknownVersion.Status;

    // Kestrel's 405 is for targets of the wrong form (asterisk, authority): a malformed request, RFC 9112 section 3.2.
    internal static Refusal RefusalFor(int status) => status switch
    {
        408 => Refusal.RequestTimeout,
        413 => Refusal.BodyTooLarge,
        414 => Refusal.TargetTooLong,
        431 => Refusal.HeadersTooLarge,
        505 => Refusal.UnknownVersion,
        _ => Refusal.BadRequest,
    };
}
