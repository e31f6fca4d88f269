using Waitress.Telemetry;

namespace Waitress.AccessLogging;

/// <summary>
/// The thread that moves lines from the queue to the file. A file that takes nothing is tried again, and holds up nobody but this thread.
/// The file of the log's name is opened anew when that is another file than before, or when it was asked for; and lines that logrotate's
/// copytruncate lost are written again (<see cref="Truncation"/>).
/// </summary>
internal sealed class LogWriter : IDisposable
{
    /// <summary>POSIX promises that so much reaches a pipe in one piece (PIPE_BUF of Linux, the largest; elsewhere 512 are promised).</summary>
    private const int PipePiece = 4096;

    // How often the name is looked at while lines come; and after the last one, for as long as lines are kept.
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(100), LookTime = RecentLines.Wanted;

    // logrotate's "create" makes the file a moment after it moved the old one away; made by us before, it would be moved away too.
    private static readonly TimeSpan CreateGrace = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1), AgainPause = TimeSpan.FromMilliseconds(20), Patience = TimeSpan.FromSeconds(2);

    private readonly LineQueue _queue;
    private readonly Mailbox _log;
    private readonly RecentLines _recent = new();
    private readonly Truncation _truncation;
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly Thread _thread;
    private readonly Lock _asking = new();
    private LogFile _file;
    private LineBlock? _block;
    private int _done; // Bytes of the block that the file has.
    private bool _failing, _notReopened, _ended;
    private long _lostBefore, _written, _lookedAt, _missingSince, _lastWrite;
    private TaskCompletionSource? _reopenAsked;
    private int _started;

    public LogWriter(LineQueue queue, LogFile file, Mailbox log)
    {
        (_queue, _file, _log) = (queue, file, log);
        Name = file.Path == AccessLog.StandardOutput ? "standard output" : file.Path;
        _truncation = new Truncation(_recent);
        _thread = new Thread(Run) { IsBackground = true, Name = "waitress-access-log" };
    }

    /// <summary>The file as it is called in the server's log.</summary>
    public string Name { get; }

    public long Written => Interlocked.Read(ref _written);

    public void Start()
    {
        if (Interlocked.Exchange(ref _started, 1) == 0)
            _thread.Start();
    }

    /// <summary>Has the file opened anew, and waits until it is, no longer than two seconds.</summary>
    public void Reopen()
    {
        if (Volatile.Read(ref _started) == 0)
            return;
        TaskCompletionSource done;
        lock (_asking)
        {
            if (_ended)
                return;
            done = _reopenAsked ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _queue.Ask();
        done.Task.Wait(Patience);
    }

    /// <summary>Writes what is queued and ends, within two seconds; a thread that the file holds is left behind.</summary>
    public void Stop()
    {
        _queue.Close();
        if (Volatile.Read(ref _started) != 1 || _thread.Join(Patience))
            return;
        Volatile.Write(ref _started, 2);
        _log.Post(LogEvent.AccessLogLeft, _queue.Waiting, Name);
    }

    public void Dispose()
    {
        // The descriptor of a write that hangs must not be closed, and given to another file, under it.
        if (Volatile.Read(ref _started) != 2)
            _file.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            var block = _queue.Take(Rests());
            ReopenWhenAsked();
            if (block is not null)
                Write(block);
            else if (_queue.Closed && _queue.Waiting == 0)
                break;
            else
                Look();
        }

        if (_failing)
            _log.Post(LogEvent.AccessLogLost, _queue.Lost, Name);
        lock (_asking)
        {
            _ended = true;
            _reopenAsked?.TrySetResult();
        }
    }

    // Looks go on for a while after the last line; then the thread rests until there is another one.
    private TimeSpan Rests() =>
        _file.IsNamed && _lastWrite != 0 && _time.GetElapsedTime(_lastWrite) < LookTime ? LookPause : Timeout.InfiniteTimeSpan;

    private void Write(LineBlock block)
    {
        (_block, _done) = (block, 0);
        if (_file.Missing is not null)
            OpenAnew();
        if (_file.IsNamed && _time.GetElapsedTime(_lookedAt) >= LookPause)
            Look();
        while (!TryWrite(block.Content, ref _done, out var again))
        {
            if (!_queue.Pause(again ? AgainPause : RetryPause))
            {
                GiveUp(block);
                return;
            }

            ReopenWhenAsked();
            if (_file.Missing is not null)
                OpenAnew();
            else if (_file.IsNamed)
                Look();
        }

        Interlocked.Add(ref _written, block.Lines);
        if (_failing)
        {
            _failing = false;
            _log.Post(LogEvent.AccessLogBack, Name, _queue.Lost - _lostBefore);
        }

        _block = null;
        _queue.Return(block);
    }

    // The end comes first: what can't be written now is lost.
    private void GiveUp(LineBlock block)
    {
        var lost = block.Content[_done..].Count((byte)'\n');
        Interlocked.Add(ref _written, block.Lines - lost);
        _block = null;
        if (_queue.Return(block, lost))
            _log.Post(LogEvent.AccessLogLost, _queue.Lost, Name);
    }

    private bool TryWrite(ReadOnlySpan<byte> bytes, ref int done, out bool again)
    {
        again = false;
        while (done < bytes.Length)
        {
            var torn = done > 0 && bytes[done - 1] != '\n';
            if (torn && _file.IsNamed && _file.Length != _recent.Newest.End)
            {
                // Somebody else has written behind our half of a line: that half is ended, and the line written whole.
                if (!TryAppend("\n"u8, out again))
                    return false;
                done = bytes[..done].LastIndexOf((byte)'\n') + 1;
            }

            var written = Append(PieceOf(bytes[done..]), out var error, out again);
            done += written;
            if (written > 0 || error is null)
                continue;
            if (!again && !_failing)
            {
                (_failing, _lostBefore) = (true, _queue.Lost);
                _log.Post(LogEvent.AccessLogFailed, Name, error, LineQueue.MostBytes);
            }

            return false;
        }

        return true;
    }

    private bool TryAppend(ReadOnlySpan<byte> bytes, out bool again) => Append(bytes, out _, out again) == bytes.Length;

    // A pipe that several processes share gets whole lines in pieces that stay whole; a file takes everything at once.
    private ReadOnlySpan<byte> PieceOf(ReadOnlySpan<byte> bytes)
    {
        if (!_file.IsPipe || bytes.Length <= PipePiece)
            return bytes;
        var end = bytes[..PipePiece].LastIndexOf((byte)'\n') + 1;
        return end > 0 ? bytes[..end] : bytes[..(bytes.IndexOf((byte)'\n') + 1)];
    }

    private int Append(ReadOnlySpan<byte> bytes, out string? error, out bool again)
    {
        var written = _file.Write(bytes, out error, out again);
        if (written == 0 || !_file.IsNamed)
            return written;
        _lastWrite = _time.GetTimestamp();
        _truncation.Note(_file, _file.Position - written, bytes[..written]);

        // The file may have been cut between two writes: then the one before is gone, and this one is there.
        if (_recent.Previous is { } before && !_truncation.IsIntact(_file, before))
            Restore(_truncation.IsIntact(_file) ? before : _recent.Newest);
        return written;
    }

    /// <summary>Sees to a file that was moved away, removed or cut.</summary>
    private void Look()
    {
        if (!_file.IsNamed)
            return;
        _lookedAt = _time.GetTimestamp();
        if (Posix.StatusOf(_file.Path, out var error) is { } there)
        {
            _missingSince = 0;
            if (!there.IsSameFile(_file.Status!.Value))
                OpenAnew();
            else if (!_truncation.IsIntact(_file))
                Restore(_recent.Newest);
        }
        else if (error == Posix.NoSuchFile)
        {
            if (_missingSince == 0)
                _missingSince = _lookedAt;
            else if (_time.GetElapsedTime(_missingSince, _lookedAt) >= CreateGrace)
                OpenAnew();
        }
    }

    /// <summary>Writes again what a copy missed of the lines up to a piece.</summary>
    private void Restore(RecentLines.Piece last)
    {
        var outcome = _truncation.FindMissed(_file.Path, last);
        var after = _recent.Newest;
        var kept = after != last ? _recent.BytesOf(after).ToArray() : [];
        _truncation.Begin();
        if (kept.Length > 0)
            _truncation.Note(_file, after.Start, kept);
        if (outcome.Missed.Length > 0)
        {
            // A file that takes nothing just now: these lines are beyond the queue, so they are tried once.
            var written = _file.Write(outcome.Missed, out _, out _);
            if (written > 0)
                _truncation.Note(_file, _file.Position - written, outcome.Missed.AsSpan(0, written));
            if (written < outcome.Missed.Length && _queue.Lose(outcome.Missed.AsSpan(written).Count((byte)'\n')))
                _log.Post(LogEvent.AccessLogLost, _queue.Lost, Name);
        }

        _lastWrite = _time.GetTimestamp();
        if (outcome is { Found: true, Complete: true })
            _log.Post(LogEvent.AccessLogCopied, Name, outcome.Lines);
        else
            _log.Post(LogEvent.AccessLogCut, Name, outcome.Found ? "more was written since it was copied than is kept" : "no copy of it was found");
    }

    private void ReopenWhenAsked()
    {
        TaskCompletionSource? asked;
        lock (_asking)
            (asked, _reopenAsked) = (_reopenAsked, null);
        if (asked is null)
            return;
        if (_file.Path != AccessLog.StandardOutput)
            OpenAnew();
        asked.TrySetResult();
    }

    private void OpenAnew()
    {
        try
        {
            var file = LogFile.Open(_file.Path);
            _file.Dispose();
            _file = file;
        }
        catch (IOException e)
        {
            // Once: it is tried again with every look.
            if (!_notReopened && _file.Missing is null)
                _log.Post(LogEvent.AccessLogNotReopened, e.Message);
            _notReopened = true;
            return;
        }

        (_notReopened, _missingSince, _lookedAt) = (false, 0, _time.GetTimestamp());
        _truncation.Begin();
        if (_block is not null)
            _done = _block.Content[.._done].LastIndexOf((byte)'\n') + 1; // Half a line stays behind in the old file.
        _log.Post(LogEvent.AccessLogReopened, Name);
    }
}
