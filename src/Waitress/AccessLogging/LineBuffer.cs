using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Waitress.AccessLogging;

/// <summary>
/// The bytes of one line while it is made, in memory that its thread keeps. What comes from a request is escaped here, and only here: no
/// value can end its line, nor its pair of quotes, nor hold a byte that a terminal obeys.
/// </summary>
internal sealed class LineBuffer
{
    /// <summary>Longer values are cut: the size of a line must not be a client's to choose. Browsers' longest targets are below.</summary>
    public const int LongestValue = 8192;

    // A thread keeps no more than this between lines.
    private const int Kept = 65_536;

    private const string Hex = "0123456789ABCDEF";

    /// <summary>What stands as it is between quotes: printable ASCII without quote and backslash.</summary>
    private static readonly SearchValues<char> Quoted = SearchValues.Create(
        [.. Enumerable.Range(0x20, 0x5f).Select(code => (char)code).Where(c => c is not ('"' or '\\'))]);

    /// <summary>The same outside of quotes, where a space would begin another field.</summary>
    private static readonly SearchValues<char> Bare = SearchValues.Create(
        [.. Enumerable.Range(0x21, 0x5e).Select(code => (char)code).Where(c => c is not ('"' or '\\'))]);

    [ThreadStatic]
    private static LineBuffer? Own;

    private byte[] _bytes = new byte[1024];
    private int _length;

    public static LineBuffer OfThisThread => Own ??= new LineBuffer();

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Clear()
    {
        _length = 0;
        if (_bytes.Length > Kept)
            _bytes = new byte[1024];
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _length += bytes.Length;
    }

    public void AddNumber(long number)
    {
        number.TryFormat(Room(20), out var written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    /// <summary>Microseconds as seconds with six decimals.</summary>
    public void AddSeconds(long microseconds)
    {
        AddNumber(microseconds / 1_000_000);
        var part = microseconds % 1_000_000;
        var room = Room(7);
        room[0] = (byte)'.';
        for (var place = 6; place > 0; place--, part /= 10)
            room[place] = (byte)('0' + (part % 10));
        _length += 7;
    }

    /// <summary>A client's text for a line of text: whatever is not printable ASCII, a quote or a backslash becomes \xHH, a byte each.</summary>
    /// <param name="value">Bytes read as Latin-1, as Kestrel gives them.</param>
    /// <param name="quoted">Whether it stands between quotes; else spaces are escaped too.</param>
    public void AddText(ReadOnlySpan<char> value, bool quoted)
    {
        var whole = value.Length <= LongestValue;
        if (!whole)
            value = value[..LongestValue];
        while (!value.IsEmpty)
        {
            var plain = Plain(value, quoted ? Quoted : Bare);
            value = value[plain..];
            if (value.IsEmpty)
                break;
            AddEscaped(value[0]);
            value = value[1..];
        }

        if (!whole)
            Add("..."u8);
    }

    /// <summary>A JSON string with its quotes. Bytes that are UTF-8 stay the text they are; any others are read as Latin-1.</summary>
    public void AddJson(ReadOnlySpan<char> value)
    {
        var whole = value.Length <= LongestValue;
        if (!whole)
            value = value[..LongestValue];
        Add("\""u8);
        while (!value.IsEmpty)
        {
            value = value[Plain(value, Quoted)..];
            if (value.IsEmpty)
                break;
            if (value[0] >= 0x80)
            {
                AddForeign(value);
                break;
            }

            AddJsonEscape(value[0]);
            value = value[1..];
        }

        Add(whole ? "\""u8 : "...\""u8);
    }

    private int Plain(ReadOnlySpan<char> value, SearchValues<char> plain)
    {
        var run = value.IndexOfAnyExcept(plain);
        run = run < 0 ? value.Length : run;
        Ascii.FromUtf16(value[..run], Room(run), out var written);
        _length += written;
        return run;
    }

    private void AddEscaped(char c)
    {
        // Values are Latin-1; a setting's text may go beyond.
        if (c > 0xff)
            AddHex((byte)(c >> 8));
        AddHex((byte)c);
    }

    private void AddHex(byte value)
    {
        Add([(byte)'\\', (byte)'x', (byte)Hex[value >> 4], (byte)Hex[value & 15]]);
    }

    private void AddJsonEscape(int code)
    {
        if (code is '"' or '\\')
            Add([(byte)'\\', (byte)code]);
        else
            Add([(byte)'\\', (byte)'u', (byte)Hex[(code >> 12) & 15], (byte)Hex[(code >> 8) & 15], (byte)Hex[(code >> 4) & 15], (byte)Hex[code & 15]]);
    }

    // From the first character beyond ASCII on; rare, so it may cost a string.
    private void AddForeign(ReadOnlySpan<char> value)
    {
        var bytes = Encoding.Latin1.GetBytes(value.ToArray());
        var text = !value.ContainsAnyExceptInRange('\0', '\xff') && Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : value.ToString();
        foreach (var rune in text.EnumerateRunes())
        {
            // Control characters of Latin-1, the two that end a line in JavaScript, and those with which Unicode turns the direction of what is shown (UAX #9): a
            // reader of the log would see another text than there is.
            if (rune.Value is < 0x20 or (>= 0x7f and <= 0x9f) or '"' or '\\' or 0x2028 or 0x2029 or 0x061c or 0x200e or 0x200f or (>= 0x202a and <= 0x202e) or (>= 0x2066 and <= 0x2069))
                AddJsonEscape(rune.Value);
            else
                _length += rune.EncodeToUtf8(Room(4));
        }
    }

    private Span<byte> Room(int size)
    {
        if (_bytes.Length - _length < size)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + size));
        return _bytes.AsSpan(_length);
    }
}
