using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Waitress.Guards;

namespace Waitress.Http;

/// <summary>
/// What Kestrel reads a connection through. Outside chunked bodies each call is forwarded after one test. In a chunked body the audit
/// runs ahead of Kestrel: of a read that holds a violation nothing is shown to it, reading the body fails with
/// <see cref="BadHttpRequestException"/>, and the connection has no bytes after that.
/// </summary>
internal sealed class WireReader(PipeReader inner, WireGuard wire) : PipeReader
{
    private ChunkAudit? _audit;
    private bool _auditing;
    private bool _ended;
    private bool _emptyRead;
    private int _reads;
    private ReadOnlySequence<byte> _buffer;

    // Bytes of _buffer, from its start, that the audit has seen.
    private long _seen;

    /// <summary>The first violation of the chunked body being read, or null.</summary>
    public Refusal? ChunkError => _auditing ? _audit!.Error : null;

    /// <summary>Whether Kestrel has read anything from this connection.</summary>
    public bool HasRead => _reads > 0;

    /// <summary>
    /// Whether there are bytes behind a request that has no body and is under way, so that Kestrel reads nothing: a further request, which the client has
    /// sent ahead (RFC 9112 section 9.3.2). Also true where that can't be told.
    /// </summary>
    public bool HasMore
    {
        get
        {
            try
            {
                if (!inner.TryRead(out var result))
                    return false;
                inner.AdvanceTo(result.Buffer.Start); // Nothing is examined, so the next read completes at once.
                return true;
            }
            catch (Exception e) when (e is InvalidOperationException or IOException)
            {
                return true;
            }
        }
    }

    /// <summary>Starts the audit; Kestrel must have consumed the request's head and nothing more.</summary>
    public void BeginChunkedBody()
    {
        _audit ??= new ChunkAudit();
        _audit.Reset();
        _seen = 0;
        _auditing = true;
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_auditing)
            return AuditedReadAsync(cancellationToken);
        if (!wire.InExchange)
            wire.OnReadOfHead();
        return inner.ReadAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        if (!_auditing)
            return inner.TryRead(out result);
        if (_ended)
        {
            result = End();
            return true;
        }

        if (!inner.TryRead(out result))
            return false;
        result = Audit(result);
        return true;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _reads++;
        if (_auditing && !Consume(consumed))
            return;
        inner.AdvanceTo(consumed, examined);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead()
    {
        // Within an exchange Kestrel ends a body that it no longer wants. Between exchanges it ends an idle connection (stop,
        // keep-alive timeout) or a head that took too long, and the connection gets a moment in which a request on its way arrives.
        if (wire.InExchange)
            inner.CancelPendingRead();
        else
            _ = CancelWhenIdleAsync(_reads);
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <inheritdoc/>
    public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

    private async Task CancelWhenIdleAsync(int reads)
    {
        await Task.Delay(wire.GraceBeforeClose, wire.Clock);
        // Bytes came meanwhile: Kestrel has looked at its reasons to stop while it handled them, or will when it does; on a busy machine
        // they may have waited in the kernel for all of the grace.
        if (reads == _reads && !wire.Client.HasSent)
            inner.CancelPendingRead();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> AuditedReadAsync(CancellationToken cancellationToken) =>
        _ended ? End() : Audit(await inner.ReadAsync(cancellationToken));

    private ReadResult Audit(ReadResult result)
    {
        _buffer = result.Buffer;
        if (_audit!.IsComplete)
            return result;
        foreach (var segment in _buffer.Slice(_seen))
        {
            _seen += _audit.Scan(segment.Span);
            if (_audit.IsComplete)
                return result;
            if (_audit.Error is null)
                continue;
            _ended = true;
            _buffer = default;
            // Examined to the end: a pipe takes back nothing that an earlier read has examined.
            inner.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            // Not an early end of input: Kestrel takes that for a client that has gone, and aborts the connection unanswered.
            throw new BadHttpRequestException(_audit.Error.Detail, _audit.Error.Status);
        }

        return result;
    }

    // False when the advance answers a read that never reached the transport.
    private bool Consume(SequencePosition consumed)
    {
        if (_emptyRead)
            return _emptyRead = false;
        _seen -= _buffer.Slice(_buffer.Start, consumed).Length;
        _buffer = default;
        if (_seen > 0 || !_audit!.IsComplete)
            return true;
        // Kestrel has consumed the body to the byte where the grammar ends it; anything else would be a request smuggled.
        _ended = _seen < 0;
        _auditing = _ended;
        return true;
    }

    private ReadResult End()
    {
        _emptyRead = true;
        return new ReadResult(ReadOnlySequence<byte>.Empty, isCanceled: false, isCompleted: true);
    }
}
