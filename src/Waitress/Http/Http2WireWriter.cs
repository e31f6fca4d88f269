using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Waitress.Listening;

namespace Waitress.Http;

/// <summary>
/// What Kestrel writes an HTTP/2 connection through. A write that the client does not take has an end; the GOAWAY of a flooded connection
/// says why it ends, of which Kestrel knows nothing; its settings offer WebSockets only where they are served, so that clients ask for others over
/// HTTP/1.1, as ever; and frames of ours get between Kestrel's (<see cref="SendAsync"/>).
/// Kestrel writes under a lock of its own, whole frames and whole header blocks, and flushes behind them; while its flush is under way it writes nothing.
/// </summary>
internal sealed partial class Http2WireWriter(PipeWriter inner, Http2Wire wire) : PipeWriter
{
    // RFC 9113 sections 4.1, 6.8 and 7: a frame's header, and that of GOAWAY is followed by the last stream and the reason.
    private const int HeaderLength = 9, TypeAt = 3, GoAway = 7, GoAwayLength = 8, ReasonAt = 4;

    // Section 6.5, and RFC 8441 section 3: entries of a name and a value.
    private const int Settings = 4, EntryLength = 6, EnableConnectProtocol = 8;
    private const uint EnhanceYourCalm = 11;

    // "No more requests, please; what is on its way will be served": GOAWAY of the highest stream there can be, without an error.
    private static readonly byte[] s_announcement = [0, 0, GoAwayLength, GoAway, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

    private Memory<byte> _last;
    private bool _inGoAway, _inSettings;
    private bool _begun = wire.TakesWebSockets; // Else the first frame, which is that of the settings, is changed.

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    /// <inheritdoc/>
    public override long UnflushedBytes => inner.UnflushedBytes + (_kept?.WrittenCount ?? 0);

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (!_open)
            Open();
        return _last = _keeping ? (_kept ??= new ArrayBufferWriter<byte>()).GetMemory(sizeHint) : inner.GetMemory(sizeHint);
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        if (wire.IsFlooded)
            GiveReason(_last.Span, bytes);
        if (!_begun)
            Begin(_last.Span[..bytes]);
        _last = default;
        if (_keeping)
            _kept!.Advance(bytes);
        else
            inner.Advance(bytes);
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (!TryBeginFlush(out var ours))
            return FlushBehindAsync(ours, cancellationToken);
        var flush = inner.FlushAsync(cancellationToken);
        if (!flush.IsCompletedSuccessfully)
            return FinishAsync(flush, cancellationToken);
        var result = flush.Result;
        return TryEndFlush() ? new(result) : FinishAsync(inner.FlushAsync(cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        this.Write(source.Span);
        return FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        if (EndOurs())
            inner.Complete(exception);
    }

    /// <inheritdoc/>
    public override ValueTask CompleteAsync(Exception? exception = null) => EndOurs() ? inner.CompleteAsync(exception) : default;

    private async ValueTask<FlushResult> FlushBehindAsync(Task ours, CancellationToken cancellationToken)
    {
        do
            await ours;
        while (!TryBeginFlush(out ours));
        return await FinishAsync(inner.FlushAsync(cancellationToken), cancellationToken);
    }

    private async ValueTask<FlushResult> FinishAsync(ValueTask<FlushResult> flush, CancellationToken cancellationToken)
    {
        var whole = false;
        try
        {
            var result = await GuardAsync(flush);
            while (!TryEndFlush())
                result = await GuardAsync(inner.FlushAsync(cancellationToken));
            whole = true;
            return result;
        }
        finally
        {
            if (!whole)
                Fail();
        }
    }

    private ValueTask<FlushResult> GuardAsync(ValueTask<FlushResult> flush) => flush.IsCompletedSuccessfully ? flush : GuardAsync(flush.AsTask());

    private async ValueTask<FlushResult> GuardAsync(Task<FlushResult> flush)
    {
        if (!await SocketProgress.WaitAsync(flush, wire.Socket, wire.Patience, wire.LeastPerSecond, wire.Clock))
            wire.CutOff();
        return await flush;
    }

    private void Begin(Span<byte> written)
    {
        _begun = _inSettings || written.Length != HeaderLength || written[TypeAt] != Settings;
        for (; _inSettings && written.Length >= EntryLength; written = written[EntryLength..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(written) == EnableConnectProtocol)
                BinaryPrimitives.WriteUInt32BigEndian(written[sizeof(ushort)..], 0);
        }

        _inSettings = !_begun;
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
