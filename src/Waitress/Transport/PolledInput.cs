using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Waitress.Transport;

/// <summary>
/// What a client has sent and Kestrel has not consumed. A pipe's reader, whose writing side is the poller's thread: that of
/// System.IO.Pipelines costs two locks, five objects and a scheduler more for each connection. An empty one holds no buffer. Read by one at a time.
/// </summary>
internal sealed class PolledInput(PolledConnection connection, MemoryPool<byte> memory, Lock gate) : PipeReader, IValueTaskSource<ReadResult>
{
    // As in Kestrel: what a client may send before somebody looks at it.
    private const int MostUnread = 1_048_576;

    // What is left of a block is not worth a read of its own below this.
    private const int LeastRoom = 2_048;

    private Segment? _first, _last;
    private int _start; // Where the unread begins in the first.
    private long _received, _consumed, _examined; // Bytes, from the connection's begin.
    private ManualResetValueTaskSourceCore<ReadResult> _read;
    private CancellationTokenRegistration _registration;
    private Exception? _failure;
    private bool _isAwaited, _cancelled, _ended, _done, _filling, _full;

    /// <summary>Whether nobody takes more for now; under the lock.</summary>
    public bool IsFull => _full;

    /// <summary>Whether nobody will read any more; under the lock.</summary>
    public bool IsDone => _done;

    /// <summary>Under the lock: room for what the socket has. To be followed by <see cref="Received"/>.</summary>
    public Memory<byte> Room()
    {
        _filling = true;
        if (_last is null || _last.Room.Length < LeastRoom)
        {
            var next = new Segment(memory.Rent(), _received);
            _last?.Append(next);
            _first ??= next;
            _last = next;
        }

        return _last.Room;
    }

    /// <summary>Under the lock: so many bytes are in it. What a read that waits for them is to be given, outside of the lock (<see cref="Answer"/>); null: none waits.</summary>
    public ReadResult? Received(int count)
    {
        _filling = false;
        _last!.Filled += count;
        _received += count;
        if (_done)
            _consumed = _examined = _received;
        if (count == 0 || _done)
            DropIfEmpty();
        _full = !_done && _received - _examined >= MostUnread; // Whoever has examined all and consumed nothing waits for more.
        return count > 0 && _isAwaited ? Take() : null;
    }

    /// <summary>Gives a waiting read its result. Kestrel goes on in this call, so outside of the lock.</summary>
    public void Answer(ReadResult result)
    {
        _registration.Dispose();
        _read.SetResult(result);
    }

    /// <summary>No more will come; with a failure, what is unread is lost.</summary>
    public void End(Exception? failure)
    {
        ReadResult? result = null;
        lock (gate)
        {
            (_ended, _failure) = (true, failure);
            if (_isAwaited)
                result = Take();
        }

        if (result is null)
            return;
        if (failure is null)
            Answer(result.Value);
        else
            Fail(failure);
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            if (TryTake(out var result))
                return new(result);
            _read.Reset();
            _isAwaited = true;
            _registration = default;
            if (cancellationToken.CanBeCanceled)
                _registration = cancellationToken.UnsafeRegister(static (input, token) => ((PolledInput)input!).Cancel(token), this);
            return new(this, _read.Version);
        }
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        lock (gate)
            return TryTake(out result);
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        bool resumes;
        lock (gate)
        {
            if (_done)
                return;
            _examined = Math.Max(_examined, PlaceOf(examined, _examined));
            if (consumed.GetObject() is Segment segment)
            {
                _consumed = PlaceOf(consumed, _consumed);
                while (_first != segment)
                    DropFirst();
                _start = consumed.GetInteger();
                if (_consumed == _received)
                    DropIfEmpty();
            }

            resumes = _full && _received - _examined <= MostUnread / 2;
            if (resumes)
                _full = false;
        }

        if (resumes)
            connection.GoOnReading();
    }

    /// <inheritdoc/>
    public override void CancelPendingRead()
    {
        ReadResult result;
        lock (gate)
        {
            _cancelled = true;
            if (!_isAwaited)
                return; // The next one.
            result = Take();
        }

        Answer(result);
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        bool resumes;
        lock (gate)
        {
            _done = true;
            _consumed = _examined = _received;
            DropIfEmpty();
            resumes = _full;
            _full = false;
        }

        if (resumes)
            connection.GoOnReading(); // To find that nobody reads.
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    private void Cancel(CancellationToken token)
    {
        lock (gate)
        {
            if (!_isAwaited)
                return; // It was for a read that is over.
            _isAwaited = false;
        }

        _read.SetException(new OperationCanceledException(token));
    }

    // The three below under the lock.
    private bool TryTake(out ReadResult result)
    {
        if (_done)
            throw new InvalidOperationException("Reading is not allowed after the reader was completed");
        if (_ended && _failure is not null)
            throw _failure;
        var isThere = _cancelled || _ended || _received > _examined;
        result = isThere ? Take() : default;
        return isThere;
    }

    private ReadResult Take()
    {
        var unread = _consumed == _received ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(_first!, _start, _last!, _last!.Filled);
        var result = new ReadResult(unread, _cancelled, _ended);
        (_cancelled, _isAwaited) = (false, false);
        return result;
    }

    // An empty result has no place in it.
    private static long PlaceOf(SequencePosition position, long otherwise) =>
        position.GetObject() is Segment segment ? segment.RunningIndex + position.GetInteger() : otherwise;

    private void Fail(Exception failure)
    {
        _registration.Dispose();
        _read.SetException(failure);
    }

    // Not while the socket is read into it.
    private void DropIfEmpty()
    {
        if (_filling || _consumed != _received)
            return;
        while (_first is not null)
            DropFirst();
        (_last, _start) = (null, 0);
    }

    private void DropFirst()
    {
        var first = _first!;
        _first = (Segment?)first.Next;
        first.Dispose();
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        private readonly IMemoryOwner<byte> _owner;

        public Segment(IMemoryOwner<byte> owner, long place)
        {
            (_owner, RunningIndex, Memory) = (owner, place, owner.Memory);
        }

        public int Filled { get; set; }

        public Memory<byte> Room => _owner.Memory[Filled..];

        public void Append(Segment next)
        {
            Memory = _owner.Memory[..Filled];
            Next = next;
        }

        public void Dispose() => _owner.Dispose();
    }
}
