namespace Waitress.AccessLogging;

/// <summary>
/// What this process wrote last, and where it lies in the file: so that lines which a copy of the file missed can be written again. A ring of
/// bytes; the oldest make room. It grows, up to a bound, while more is written than it holds for <see cref="Wanted"/>. Used by the writer's thread.
/// </summary>
internal sealed class RecentLines(int least = RecentLines.Least, int most = RecentLines.Most, TimeProvider? time = null)
{
    /// <summary>A seldom visited server needs no more; the most are some 40,000 lines: a second of the busiest.</summary>
    public const int Least = 128 * 1024, Most = 4 * 1024 * 1024;

    /// <summary>How long lines should be kept: between logrotate's copy and its truncation lies an fsync() of the copy, on a slow disk seconds.</summary>
    public static readonly TimeSpan Wanted = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Queue<Piece> _pieces = new();
    private byte[] _ring = [];
    private int _next;
    private Piece _newest;

    /// <summary>One write: where it begins in the file and in the ring, and when it was.</summary>
    public readonly record struct Piece(long Start, int At, int Length, long Written)
    {
        public long End => Start + Length;
    }

    public bool IsEmpty => _pieces.Count == 0;

    public Piece Newest => _newest;

    /// <summary>The one before it, while it is kept.</summary>
    public Piece? Previous { get; private set; }

    /// <summary>Oldest first.</summary>
    public IEnumerable<Piece> Pieces => _pieces;

    /// <summary>The end, in the file, of the last write that is not kept any more; 0 for none.</summary>
    public long ForgottenTo { get; private set; }

    public ReadOnlySpan<byte> BytesOf(Piece piece) => _ring.AsSpan(piece.At, piece.Length);

    public void Add(long start, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > most)
        {
            Clear();
            ForgottenTo = start + bytes.Length;
            return;
        }

        var now = _time.GetTimestamp();
        while (!TryPlace(bytes.Length, now))
            Grow(bytes.Length);
        bytes.CopyTo(_ring.AsSpan(_next));
        Previous = IsEmpty ? null : _newest;
        _newest = new Piece(start, _next, bytes.Length, now);
        _pieces.Enqueue(_newest);
        _next += bytes.Length;
    }

    /// <summary>Forgets everything: the file is another one.</summary>
    public void Clear()
    {
        _pieces.Clear();
        (_newest, Previous) = (default, null);
        _next = 0;
        ForgottenTo = 0;
    }

    // Room for so many bytes at _next; false when it should be had by growing.
    private bool TryPlace(int length, long now)
    {
        if (_ring.Length < length)
            return false;
        var at = _next + length > _ring.Length ? 0 : _next;

        // No piece is split: when the rest of the ring is too small, what lies in it is older than what lies in front.
        while (_pieces.TryPeek(out var oldest) && (at != _next ? oldest.At >= _next || oldest.At < length : oldest.At >= at && oldest.At < at + length))
        {
            if (_ring.Length < most && _time.GetElapsedTime(oldest.Written, now) < Wanted)
                return false;
            ForgottenTo = _pieces.Dequeue().End;
        }

        _next = at;
        return true;
    }

    private void Grow(int length)
    {
        var pieces = _pieces.ToArray();
        var larger = new byte[Math.Min(most, Math.Max(Math.Max(_ring.Length * 2, least), length))];
        _pieces.Clear();
        (_next, Previous) = (0, null);
        foreach (var piece in pieces)
        {
            BytesOf(piece).CopyTo(larger.AsSpan(_next));
            _newest = piece with { At = _next };
            _pieces.Enqueue(_newest);
            _next += piece.Length;
        }

        _ring = larger;
    }
}
