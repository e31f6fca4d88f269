namespace Waitress.AccessLogging;

/// <summary>Whole lines in one piece of memory, which is written with one call where it can be.</summary>
internal sealed class LineBlock(int size)
{
    public byte[] Bytes { get; } = new byte[size];

    public int Length { get; set; }

    public int Lines { get; set; }

    public ReadOnlySpan<byte> Content => Bytes.AsSpan(0, Length);
}

/// <summary>
/// Lines on their way to the writer, in the order in which they were added. Any thread adds, one takes. Bounded: what does not fit, because
/// the file can't be written or its reader has stopped, is counted and lost; whoever adds never waits for the file.
/// </summary>
internal sealed class LineQueue(int most = LineQueue.MostBytes, TimeSpan? linger = null, int blockSize = LineQueue.BlockSize)
{
    /// <summary>Some 25,000 lines: seconds of a busy server, and little beside its other memory.</summary>
    public const int MostBytes = 4 * 1024 * 1024;

    /// <summary>What is written with one call: below it a call's own cost shows, above it nothing more is gained.</summary>
    public const int BlockSize = 65_536;

    /// <summary>
    /// How long the first line waits for others: waking a thread and a system call for each line would cost more than the line. Below what
    /// somebody who looks at the log can tell.
    /// </summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(20);

    // Lost lines are told of as often at most.
    private static readonly TimeSpan TellPause = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly Queue<LineBlock> _full = new();
    private readonly Stack<LineBlock> _free = new();
    private readonly TimeSpan _linger = linger ?? Linger;
    private LineBlock? _current;
    private long _bytes, _lost, _toldAt;
    private bool _resting, _asked, _closed;

    /// <summary>Lines that were not taken in, or that the writer gave up.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Bytes that wait or are being written.</summary>
    public long Waiting => Interlocked.Read(ref _bytes);

    public bool Closed
    {
        get
        {
            lock (_gate)
                return _closed;
        }
    }

    /// <summary>Takes in one line. False when it is lost.</summary>
    /// <param name="line">With its end of line.</param>
    /// <param name="tell">Whether a loss should be told of now.</param>
    public bool Add(ReadOnlySpan<byte> line, out bool tell)
    {
        lock (_gate)
        {
            tell = false;
            if (_bytes + line.Length > most || _closed)
            {
                tell = Count(1);
                return false;
            }

            var wake = _resting;
            if (_current is null || _current.Bytes.Length - _current.Length < line.Length)
            {
                if (_current is not null)
                {
                    _full.Enqueue(_current);
                    wake = true;
                }

                _current = line.Length > blockSize ? new LineBlock(line.Length) : _free.TryPop(out var free) ? free : new LineBlock(blockSize);
            }

            line.CopyTo(_current.Bytes.AsSpan(_current.Length));
            _current.Length += line.Length;
            _current.Lines++;
            _bytes += line.Length;
            _resting = false;
            if (wake)
                Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>The oldest lines; null when somebody asks for the writer, when the time is up, or when the queue is closed and empty.</summary>
    /// <param name="atMost">How long to wait for lines.</param>
    public LineBlock? Take(TimeSpan atMost)
    {
        lock (_gate)
        {
            if (!HasLines && !_asked && !_closed)
            {
                _resting = true;
                Monitor.Wait(_gate, atMost);
                _resting = false;
            }

            // Others may come and fill the block meanwhile.
            if (HasLines && _full.Count == 0 && !_asked && !_closed && _linger > TimeSpan.Zero)
                Monitor.Wait(_gate, _linger);
            if (_asked)
            {
                _asked = false;
                return null;
            }

            if (_full.TryDequeue(out var full))
                return full;
            var block = HasLines ? _current : null;
            if (block is not null)
                _current = null;
            return block;
        }
    }

    /// <summary>The writer is done with a block: its lines are written, or lost.</summary>
    /// <returns>Whether a loss should be told of now.</returns>
    public bool Return(LineBlock block, int lost = 0)
    {
        lock (_gate)
        {
            _bytes -= block.Length;
            (block.Length, block.Lines) = (0, 0);
            if (block.Bytes.Length == blockSize && _free.Count < 2)
                _free.Push(block);
            return lost > 0 && Count(lost);
        }
    }

    /// <summary>Counts lines that the writer could not keep. Whether that should be told of now.</summary>
    public bool Lose(int lines)
    {
        lock (_gate)
            return Count(lines);
    }

    /// <summary>The writer waits before it tries once more. False when it should not: the queue is closed.</summary>
    public bool Pause(TimeSpan pause)
    {
        lock (_gate)
        {
            if (!_closed && !_asked)
                Monitor.Wait(_gate, pause);
            _asked = false;
            return !_closed;
        }
    }

    /// <summary>Lets the writer look, lines or none.</summary>
    public void Ask()
    {
        lock (_gate)
        {
            _asked = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>No more lines are taken in; those that are there are still given out.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
    }

    private bool HasLines => _full.Count > 0 || _current is { Length: > 0 };

    private bool Count(int lines)
    {
        _lost += lines;
        var now = TimeProvider.System.GetTimestamp();
        if (_toldAt != 0 && TimeProvider.System.GetElapsedTime(_toldAt, now) < TellPause)
            return false;
        _toldAt = now;
        return true;
    }
}
