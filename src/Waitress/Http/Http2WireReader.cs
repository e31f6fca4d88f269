using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Waitress.Http;

/// <summary>
/// What Kestrel reads an HTTP/2 connection through: counts the frames it takes. When there are too many of those that bring nothing on,
/// the connection has no bytes after that, and Kestrel ends it.
/// </summary>
internal sealed class Http2WireReader(PipeReader inner, Http2Wire wire) : PipeReader
{
    private static readonly int s_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".Length;

    private readonly FrameMeter _meter = new(wire.Clock);
    private ReadOnlySequence<byte> _buffer;
    private long _prefaceLeft = s_preface;
    private long _scanned; // Bytes at the start of what is read next that were scanned already.

    /// <summary>Whether the client wants a small table of header fields; known before Kestrel knows.</summary>
    public bool HasSmallTable => _meter.HasSmallTable;

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (wire.IsFlooded)
            return new(new ReadResult(ReadOnlySequence<byte>.Empty, isCanceled: false, isCompleted: true));
        var read = inner.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new(Keep(read.Result)) : KeepAsync(read);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        var done = inner.TryRead(out result);
        if (done)
            Keep(result);
        return done;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (!_buffer.IsEmpty)
            _scanned -= _buffer.Slice(_buffer.Start, consumed).Length;
        _buffer = default;
        inner.AdvanceTo(consumed, examined);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead() => inner.CancelPendingRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        // Kestrel reads no more; but what still comes has to be read before the connection closes (Lingering). The transport completes its own pipe.
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> KeepAsync(ValueTask<ReadResult> read) => Keep(await read);

    private ReadResult Keep(ReadResult result)
    {
        _buffer = result.Buffer;
        Scan(_buffer.Slice(_scanned));
        _scanned = _buffer.Length;
        return result;
    }

    private void Scan(ReadOnlySequence<byte> come)
    {
        var preface = Math.Min(_prefaceLeft, come.Length);
        _prefaceLeft -= preface;
        _meter.Scan(come.Slice(preface));
        if (_meter.IsFlooded)
            wire.Flooded();
    }
}
