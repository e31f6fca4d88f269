using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;

namespace Waitress.Transport;

/// <summary>
/// What Kestrel writes to a polled connection. A flush sends on the thread that asks for it, and what the socket does not take waits here until the
/// poller says that it takes more; a flush is done when no more than the poller's write buffer waits.
/// </summary>
internal sealed class PolledOutput(PolledConnection connection, Poller poller, Lock gate) : PipeWriter, IValueTaskSource<FlushResult>
{
    private readonly List<Block> _waiting = []; // Full, or flushed and not sent whole.
    private Block _current; // Where the next bytes go; no one else's.
    private ManualResetValueTaskSourceCore<FlushResult> _flush;
    private TaskCompletionSource? _drained;
    private CancellationTokenRegistration _registration;
    private long _backlog, _unflushed; // Bytes that wait, and that nobody has asked to send yet.
    private bool _flushing, _cancelled, _completed, _givenUp;

    /// <summary>Whether something waits for the client. Without the lock it may be out of date: whoever makes it wait has found the socket full since.</summary>
    public bool IsWaiting => _waiting.Count > 0;

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc/>
    public override long UnflushedBytes => _unflushed;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_completed)
            throw new InvalidOperationException("Writing is not allowed after the writer was completed");
        if (_current.Owner is not null && _current.Room.Length < Math.Max(sizeHint, 1))
            PutBehind();
        if (_current.Owner is null)
            _current = new Block(sizeHint <= poller.Memory.MaxBufferSize ? poller.Memory.Rent() : MemoryPool<byte>.Shared.Rent(sizeHint), 0, 0);
        return _current.Room;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)_current.Room.Length);
        _current.End += bytes;
        _unflushed += bytes;
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ConnectionResetException? failure;
        lock (gate)
        {
            failure = Send();
            if (_cancelled && failure is null)
            {
                _cancelled = false;
                return new(new FlushResult(isCanceled: true, _givenUp));
            }

            if (failure is null && !_givenUp && _backlog >= poller.WriteBuffer)
            {
                _flush.Reset();
                _flushing = true;
                _registration = default;
                if (cancellationToken.CanBeCanceled)
                    _registration = cancellationToken.UnsafeRegister(static (output, _) => ((PolledOutput)output!).CancelPendingFlush(), this);
                return new ValueTask<FlushResult>(this, _flush.Version);
            }
        }

        if (failure is not null)
            connection.Break(failure);
        return new(new FlushResult(isCanceled: false, isCompleted: _givenUp));
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush()
    {
        lock (gate)
        {
            if (!_flushing)
            {
                _cancelled = true;
                return;
            }

            _flushing = false;
        }

        EndFlush(isCanceled: true);
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        ConnectionResetException? failure;
        lock (gate)
        {
            if (_completed)
                return;
            failure = Send();
            _completed = true;
        }

        if (failure is not null)
            connection.Break(failure);
    }

    /// <summary>Done when the client has everything, or never will.</summary>
    public Task DrainedAsync()
    {
        lock (gate)
        {
            if (_waiting.Count == 0)
                return Task.CompletedTask;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    /// <summary>The client is gone: what waits is dropped, and so is what is still written.</summary>
    public void GiveUp()
    {
        bool flushing;
        lock (gate)
        {
            _givenUp = true;
            Drop();
            flushing = _flushing;
            _flushing = false;
            _drained?.TrySetResult();
        }

        // Not here: whoever aborts a connection may hold locks of Kestrel's.
        if (flushing)
            ThreadPool.UnsafeQueueUserWorkItem(static output => output.EndFlush(isCanceled: false), this, preferLocal: false);
    }

    /// <summary>The socket takes more.</summary>
    public void SendOn()
    {
        ConnectionResetException? failure;
        bool flushed;
        lock (gate)
        {
            if (_waiting.Count == 0)
                return;
            failure = SendWaiting();
            flushed = _flushing && failure is null && _backlog <= poller.WriteBuffer / 2;
            if (flushed)
                _flushing = false;
        }

        if (failure is not null)
            connection.Break(failure);
        else if (flushed)
            EndFlush(isCanceled: false);
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _flush.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _flush.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _flush.OnCompleted(continuation, state, token, flags);

    // Outside of the lock: whoever waits goes on in this call.
    private void EndFlush(bool isCanceled)
    {
        _registration.Dispose();
        _flush.SetResult(new FlushResult(isCanceled, _givenUp));
    }

    private void PutBehind()
    {
        lock (gate)
        {
            _backlog += _current.Length;
            _waiting.Add(_current);
        }

        _current = default;
    }

    // Under the lock. Most answers are one block, which the socket takes at once.
    private ConnectionResetException? Send()
    {
        _unflushed = 0;
        if (_givenUp)
            Drop();
        if (_givenUp || _completed || _current.Owner is null)
        {
            _current.Owner?.Dispose();
            _current = default;
            return SendWaiting();
        }

        if (_waiting.Count == 0)
        {
            var failure = SendBlock(ref _current);
            if (_current.Length == 0 || failure is not null)
            {
                _current.Owner?.Dispose();
                _current = default;
                return failure;
            }
        }

        PutBehind();
        return SendWaiting();
    }

    private ConnectionResetException? SendWaiting()
    {
        var blocks = CollectionsMarshal.AsSpan(_waiting);
        var (sent, failure) = (0, default(ConnectionResetException));
        while (sent < blocks.Length && failure is null)
        {
            var before = blocks[sent].Length;
            failure = SendBlock(ref blocks[sent]);
            _backlog -= before - blocks[sent].Length;
            if (blocks[sent].Length > 0)
                break;
            blocks[sent++].Owner!.Dispose();
        }

        _waiting.RemoveRange(0, sent);
        if (_waiting.Count == 0)
            _drained?.TrySetResult();
        return failure;
    }

    private ConnectionResetException? SendBlock(ref Block block)
    {
        while (block.Length > 0 && !_givenUp)
        {
            var count = SocketCalls.Send(connection.Descriptor, block.Unsent.Span);
            if (count == SocketCalls.NotNow)
                return null;
            if (count < 0)
                return new ConnectionResetException("The client has gone");
            block.Start += count;
        }

        return null;
    }

    private void Drop()
    {
        _waiting.ForEach(block => block.Owner!.Dispose());
        _waiting.Clear();
        _backlog = 0;
    }

    /// <summary>A part of a buffer: up to Start it is sent, up to End it is filled.</summary>
    private struct Block(IMemoryOwner<byte> owner, int start, int end)
    {
        public readonly IMemoryOwner<byte>? Owner = owner;
        public int Start = start;
        public int End = end;

        public readonly int Length => End - Start;

        public readonly Memory<byte> Unsent => Owner!.Memory[Start..End];

        public readonly Memory<byte> Room => Owner is null ? default : Owner.Memory[End..];
    }
}
