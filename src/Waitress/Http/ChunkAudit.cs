using System.Buffers;
using Waitress.Guards;

namespace Waitress.Http;

/// <summary>
/// The grammar of a chunked body, RFC 9112 section 7.1, to the letter and one byte after the other: it accepts any division of the
/// bytes into reads alike, keeps no bytes, and takes linear time. Stricter than the RFC where leniency has been a hole: no blanks
/// around extensions ("bad whitespace"), bounded sizes, extensions and trailers. One instance serves a connection, body after body.
/// </summary>
internal sealed class ChunkAudit
{
    // What Kestrel's decoder takes: eight hexadecimal digits and 2^31 - 1 bytes in one chunk.
    private const int MostSizeDigits = 8;

    // Room for a signature per chunk (object stores send 81 bytes).
    private const int LongestExtension = 1024;

    // Extension bytes may not outgrow the data by more: else a small body could cost a large upload.
    private const int MostOverhead = 16 * 1024;

    // Trailers are discarded; this bounds what is read for nothing. Checksums and the like take some hundred bytes.
    private const int MostTrailerBytes = 16 * 1024;

    private static readonly SearchValues<byte> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    private State _state;
    private uint _size;
    private uint _left;
    private int _digits;
    private int _extension;
    private long _overhead;
    private int _trailer;

    private enum State
    {
        Size,
        SizeLf,
        ExtensionName,
        ExtensionNameRest,
        ExtensionValue,
        ExtensionToken,
        ExtensionQuoted,
        ExtensionEscaped,
        ExtensionEnd,
        Data,
        DataCr,
        DataLf,
        TrailerLine,
        TrailerName,
        TrailerValue,
        TrailerLf,
        EndLf,
        Complete,
        Broken,
    }

    /// <summary>Whether the whole body has been seen: the last chunk, the trailer section and the empty line.</summary>
    public bool IsComplete => _state == State.Complete;

    /// <summary>The first violation; nothing after it is looked at.</summary>
    public Refusal? Error { get; private set; }

    /// <summary>Begins a new body.</summary>
    public void Reset()
    {
        _state = State.Size;
        _size = _left = 0;
        _digits = _extension = _trailer = 0;
        _overhead = 0;
        Error = null;
    }

    /// <summary>
    /// Checks the next bytes. Returns how many of them belong to the body and are right: all, unless the body ends or is violated
    /// among them.
    /// </summary>
    public int Scan(ReadOnlySpan<byte> bytes)
    {
        var i = 0;
        while (i < bytes.Length && _state < State.Complete)
        {
            if (_state == State.Data)
            {
                var step = (int)Math.Min(_left, (uint)(bytes.Length - i));
                i += step;
                _left -= (uint)step;
                if (_left == 0)
                    _state = State.DataCr;
            }
            else if (Step(bytes[i]) is { } detail)
            {
                Error = Refusal.BadRequest.Because(detail);
                _state = State.Broken;
            }
            else
            {
                i++;
            }
        }

        return i;
    }

    // One byte of framing; the return value is what is wrong with it, or null.
    private string? Step(byte b) => _state switch
    {
        State.Size => Size(b),
        State.SizeLf => b == '\n' ? EndSizeLine() : Extensionless(),
        State.DataCr => b == '\r' ? Go(State.DataLf) : "Chunk not properly terminated",
        State.DataLf => b == '\n' ? BeginChunk() : "Chunk not properly terminated",
        State.EndLf => b == '\n' ? Go(State.Complete) : "Invalid trailer",
        >= State.TrailerLine => Trailer(b),
        _ => ++_extension > LongestExtension || ++_overhead > MostOverhead ? "Chunk extension too large" : Extension(b),
    };

    private string? Size(byte b)
    {
        if (char.IsAsciiHexDigit((char)b))
        {
            if (++_digits > MostSizeDigits)
                return "Chunk too large";
            _size = (_size << 4) | (uint)Digit(b);
            return null;
        }

        if (_digits == 0 || b is not ((byte)'\r' or (byte)';'))
            return "Invalid chunk size";
        if (_size > int.MaxValue)
            return "Chunk too large";
        return Go(b == ';' ? State.ExtensionName : State.SizeLf);
    }

    private string? Extension(byte b)
    {
        const string invalid = "Invalid chunk extension";
        switch (_state)
        {
            case State.ExtensionName:
                return Token.Contains(b) ? Go(State.ExtensionNameRest) : invalid;
            case State.ExtensionNameRest when b == '=':
                return Go(State.ExtensionValue);
            case State.ExtensionNameRest or State.ExtensionToken when Token.Contains(b):
                return null;
            case State.ExtensionValue:
                return b == '"' ? Go(State.ExtensionQuoted) : Token.Contains(b) ? Go(State.ExtensionToken) : invalid;
            case State.ExtensionQuoted:
                return b == '"' ? Go(State.ExtensionEnd) : b == '\\' ? Go(State.ExtensionEscaped) : IsText(b) ? null : invalid;
            case State.ExtensionEscaped:
                return IsText(b) ? Go(State.ExtensionQuoted) : invalid;
            default:
                return b == ';' ? Go(State.ExtensionName) : b == '\r' ? Go(State.SizeLf) : invalid;
        }
    }

    private string? Trailer(byte b)
    {
        if (++_trailer > MostTrailerBytes)
            return "Trailer too large";
        const string invalid = "Invalid trailer";
        return _state switch
        {
            State.TrailerLine => b == '\r' ? Go(State.EndLf) : Token.Contains(b) ? Go(State.TrailerName) : invalid,
            State.TrailerName => b == ':' ? Go(State.TrailerValue) : Token.Contains(b) ? null : invalid,
            State.TrailerValue => b == '\r' ? Go(State.TrailerLf) : IsText(b) ? null : invalid,
            _ => b == '\n' ? Go(State.TrailerLine) : invalid,
        };
    }

    private string? EndSizeLine()
    {
        if (_size == 0)
            return Go(State.TrailerLine);
        _overhead = Math.Max(0, _overhead - _size);
        _left = _size;
        return Go(State.Data);
    }

    private string? BeginChunk()
    {
        _size = 0;
        _digits = _extension = 0;
        return Go(State.Size);
    }

    // A size line that ends in a bare CR, with or without an extension.
    private string Extensionless() => _extension == 0 ? "Invalid chunk size" : "Invalid chunk extension";

    private string? Go(State state)
    {
        _state = state;
        return null;
    }

    // HTAB, SP, VCHAR and obs-text: what a field value and a quoted string may hold.
    private static bool IsText(byte b) => b is (byte)'\t' or (>= (byte)' ' and not 0x7F);

    private static int Digit(byte b) => b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10;
}
