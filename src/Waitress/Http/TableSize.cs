namespace Waitress.Http;

/// <summary>
/// Looks for one thing in a client's SETTINGS: a table of header fields that is smaller than the default. The next header block then has to tell the
/// new size first (RFC 7541 section 4.2), and when Kestrel has done so only Kestrel knows. Bytes in any division.
/// </summary>
internal sealed class TableSize
{
    // RFC 9113 section 6.5: entries of six bytes; the first is named 1, and is 4096 where a client says nothing.
    private const int EntryLength = 6, Name = 1, Default = 4096;

    private int _at;
    private ulong _entry;
    private volatile bool _hasSmallTable;

    /// <summary>Whether such a setting was ever seen; any thread.</summary>
    public bool HasSmallTable => _hasSmallTable;

    /// <summary>A frame begins.</summary>
    public void Begin() => (_at, _entry) = (0, 0);

    /// <summary>Takes the next bytes of its payload.</summary>
    public void Take(ReadOnlySpan<byte> payload)
    {
        foreach (var value in payload)
        {
            _entry = (_entry << 8) | value;
            if (++_at < EntryLength)
                continue;
            if (_entry >> 32 == Name && (uint)_entry < Default)
                _hasSmallTable = true;
            Begin();
        }
    }
}
