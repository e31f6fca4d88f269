using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Waitress.Listening;

namespace Waitress.Http;

/// <summary>
/// What Kestrel writes an HTTP/2 connection through. A write that the client does not take has an end; and the GOAWAY of a flooded connection
/// says why it ends, of which Kestrel knows nothing.
/// </summary>
internal sealed class Http2WireWriter(PipeWriter inner, Http2Wire wire) : PipeWriter
{
    // RFC 9113 sections 4.1, 6.8 and 7: a frame's header, and that of GOAWAY is followed by the last stream and the reason.
    private const int HeaderLength = 9, TypeAt = 3, GoAway = 7, GoAwayLength = 8, ReasonAt = 4;
    private const uint EnhanceYourCalm = 11;

    // "No more requests, please; what is on its way will be served": GOAWAY of the highest stream there can be, without an error.
    private static readonly byte[] s_announcement = [0, 0, GoAwayLength, GoAway, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

    private Memory<byte> _last;
    private bool _inGoAway;
    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    /// <inheritdoc/>
    public override long UnflushedBytes => inner.UnflushedBytes;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0) => _last = inner.GetMemory(sizeHint);

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        if (wire.IsFlooded)
            GiveReason(_last.Span, bytes);
        _last = default;
        inner.Advance(bytes);
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        // Kestrel flushes behind whole frames.
        if (wire.TakeAnnouncement())
            inner.Write(s_announcement);
        return Guard(inner.FlushAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        Guard(inner.WriteAsync(source, cancellationToken));

    /// <inheritdoc/>
    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <inheritdoc/>
    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private ValueTask<FlushResult> Guard(ValueTask<FlushResult> flush) => flush.IsCompletedSuccessfully ? flush : GuardAsync(flush.AsTask());

    private async ValueTask<FlushResult> GuardAsync(Task<FlushResult> flush)
    {
        if (!await SocketProgress.WaitAsync(flush, wire.Socket, wire.Patience, wire.LeastPerSecond, wire.Clock))
            wire.CutOff();
        return await flush;
    }

    // Kestrel writes a frame's header and its content one after the other. Where it does not (a flush waits, so that it gathers both), the client
    // reads the reason "none" instead.
    private void GiveReason(Span<byte> written, int length)
    {
        if (_inGoAway && length == GoAwayLength)
            BinaryPrimitives.WriteUInt32BigEndian(written[ReasonAt..], EnhanceYourCalm);
        _inGoAway = length == HeaderLength && written[TypeAt] == GoAway;
    }
}
