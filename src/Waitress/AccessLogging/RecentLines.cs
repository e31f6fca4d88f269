namespace Waitress.AccessLogging;

/// <summary>
/// What this process wrote last, and where it lies in the file: so that lines which a copy of the file missed can be written again. A ring of
/// bytes; the oldest make room. Used by the writer's thread.
/// </summary>
internal sealed class RecentLines(int capacity = RecentLines.Capacity)
{
    /// <summary>Some 7,000 lines: what a process writes in the moments between logrotate's copy and its truncation.</summary>
    public const int Capacity = 1024 * 1024;

    private readonly Queue<Piece> _pieces = new();
    private byte[] _ring = [];
    private int _next;
    private Piece _newest;

    /// <summary>One write: where it begins in the file, and where in the ring.</summary>
    public readonly record struct Piece(long Start, int At, int Length)
    {
        public long End => Start + Length;
    }

    public bool IsEmpty => _pieces.Count == 0;

    public Piece Newest => _newest;

    /// <summary>Oldest first.</summary>
    public IEnumerable<Piece> Pieces => _pieces;

    /// <summary>The end, in the file, of the last write that is not kept any more; 0 for none.</summary>
    public long ForgottenTo { get; private set; }

    public ReadOnlySpan<byte> BytesOf(Piece piece) => _ring.AsSpan(piece.At, piece.Length);

    public void Add(long start, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > capacity)
        {
            Clear();
            ForgottenTo = start + bytes.Length;
            return;
        }

        if (_ring.Length == 0)
            _ring = new byte[capacity];
        if (_next + bytes.Length > capacity)
        {
            // No piece is split: what lies in the rest is older than what lies in front.
            while (_pieces.TryPeek(out var behind) && behind.At >= _next)
                Forget();
            _next = 0;
        }

        while (_pieces.TryPeek(out var oldest) && oldest.At >= _next && oldest.At < _next + bytes.Length)
            Forget();
        bytes.CopyTo(_ring.AsSpan(_next));
        _newest = new Piece(start, _next, bytes.Length);
        _pieces.Enqueue(_newest);
        _next += bytes.Length;
    }

    /// <summary>Forgets everything: the file is another one.</summary>
    public void Clear()
    {
        _pieces.Clear();
        _newest = default;
        _next = 0;
        ForgottenTo = 0;
    }

    private void Forget() => ForgottenTo = _pieces.Dequeue().End;
}
