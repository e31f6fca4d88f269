using System.Buffers;

namespace Waitress.Http;

/// <summary>
/// Frames of ours. They come from any thread, and go where Kestrel is between two flushes and writes nothing, or else in front of the end of its flush. During a
/// flush of ours, of which Kestrel knows nothing, what Kestrel writes is kept, and its own flush waits.
/// </summary>
internal sealed partial class Http2WireWriter
{
    private readonly Lock _gate = new();
    private readonly Queue<(byte[] Frame, TaskCompletionSource Done)> _waiting = new(); // Guarded by _gate, as is all but what is said to be Kestrel's.
    private readonly List<TaskCompletionSource> _leaving = []; // Of the frames in the flush that is under way.
    private bool _open; // Kestrel has begun to write and has not flushed yet: this may be the middle of a frame. Written for Kestrel alone.
    private bool _flushing; // The inner writer is flushing, and must not be touched.
    private TaskCompletionSource? _ours; // That flush, where it is ours.
    private bool _completed;

    // Kestrel's: what it writes during a flush of ours, which is little, since it writes no more before its own flush has ended.
    private ArrayBufferWriter<byte>? _kept;
    private bool _keeping;

    /// <summary>
    /// Sends a frame between two of Kestrel's; ends when the client's side has room for more, or the connection has ended. Whoever calls sees to it that
    /// Kestrel is given nothing before then that has to follow.
    /// </summary>
    public Task SendAsync(byte[] frame)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource ours;
        lock (_gate)
        {
            if (_completed)
                return Task.CompletedTask;
            _waiting.Enqueue((frame, done));
            if (_open || _flushing)
                return done.Task;
            WriteWaiting();
            _flushing = true;
            _ours = ours = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = FlushOursAsync(ours);
        return done.Task;
    }

    /// <summary>Waits for a flush of ours, before the connection is taken apart.</summary>
    public Task SettleAsync()
    {
        lock (_gate)
            return _ours?.Task ?? Task.CompletedTask;
    }

    private async Task FlushOursAsync(TaskCompletionSource ours)
    {
        try
        {
            do
                await GuardAsync(inner.FlushAsync());
            while (!TryEndFlush());
        }
        catch (Exception)
        {
            Fail(); // The connection is gone, which Kestrel finds out as well.
        }

        ours.SetResult();
    }

    // Kestrel begins to write.
    private void Open()
    {
        lock (_gate)
            (_open, _keeping) = (true, _flushing);
    }

    // Kestrel has written whole frames. False: a flush of ours is under way.
    private bool TryBeginFlush(out Task ours)
    {
        lock (_gate)
        {
            ours = _ours?.Task ?? Task.CompletedTask;
            if (_ours is not null)
                return false;
            if (_keeping)
            {
                inner.Write(_kept!.WrittenSpan);
                _kept.ResetWrittenCount();
                _keeping = false;
            }

            if (wire.TakeAnnouncement())
                inner.Write(s_announcement);
            WriteWaiting();
            (_open, _flushing) = (false, true);
            return true;
        }
    }

    // False: frames of ours have come meanwhile; they are written, and want a flush as well.
    private bool TryEndFlush()
    {
        lock (_gate)
        {
            foreach (var done in _leaving)
                done.SetResult();
            _leaving.Clear();
            if (!_open && _waiting.Count > 0 && !_completed)
            {
                WriteWaiting();
                return false;
            }

            _flushing = false;
            _ours = null;
            return true;
        }
    }

    private void WriteWaiting()
    {
        while (_waiting.TryDequeue(out var waiting))
        {
            if (!wire.HasSmallTable)
                inner.Write(waiting.Frame);
            _leaving.Add(waiting.Done);
        }
    }

    // A flush has failed.
    private void Fail()
    {
        EndOurs();
        lock (_gate)
        {
            _flushing = false;
            _ours = null;
        }
    }

    // No frame of ours any more; false: one is under way, and the inner writer can't be completed. The transport does so by itself when it ends.
    private bool EndOurs()
    {
        lock (_gate)
        {
            _completed = true;
            while (_waiting.TryDequeue(out var waiting))
                waiting.Done.SetResult();
            foreach (var done in _leaving)
                done.SetResult();
            _leaving.Clear();
            return _ours is null;
        }
    }
}
