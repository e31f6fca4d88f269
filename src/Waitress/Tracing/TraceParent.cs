using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Waitress.Tracing;

/// <summary>The header field traceparent: which trace a request is part of, the caller's span in it, and whether that was recorded (W3C Trace Context, section 3.2).</summary>
/// <param name="High">The first half of the trace id.</param>
/// <param name="Low">The second half.</param>
/// <param name="Span">The caller's span; in an outgoing field ours.</param>
/// <param name="Sampled">The only flag of version 00.</param>
internal readonly record struct TraceParent(ulong High, ulong Low, ulong Span, bool Sampled)
{
    /// <summary>Version 00: 2 digits of version, 32, 16, 2 of flags, with hyphens between.</summary>
    public const int Length = 55;

    private const int TraceAt = 3, SpanAt = 36, FlagsAt = 53;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>Of the lines of a request; more than one is as none (section 3.2).</summary>
    public static bool TryParse(in StringValues lines, out TraceParent parent)
    {
        parent = default;
        return lines.Count == 1 && TryParse(lines[0], out parent);
    }

    /// <summary>False for whatever the specification does not allow; a higher version than 00 may have more behind another hyphen (section 4.3).</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TraceParent parent)
    {
        parent = default;
        if (text.Length < Length || text[2] != '-' || text[SpanAt - 1] != '-' || text[FlagsAt - 1] != '-')
            return false;
        var version = text[..2];
        var flags = text.Slice(FlagsAt, 2);
        if (version.ContainsAnyExcept(LowerHex) || flags.ContainsAnyExcept(LowerHex) || version is "ff")
            return false;
        if (text.Length > Length && (version is "00" || text[Length] != '-'))
            return false;
        if (!TryHex(text.Slice(TraceAt, 16), out var high) || !TryHex(text.Slice(TraceAt + 16, 16), out var low) || !TryHex(text.Slice(SpanAt, 16), out var span))
            return false;
        if ((high | low) == 0 || span == 0)
            return false;
        parent = new TraceParent(high, low, span, (Digit(flags[1]) & 1) != 0);
        return true;
    }

    /// <summary>The trace id as it stands in a valid field.</summary>
    public static ReadOnlySpan<char> TraceOf(ReadOnlySpan<char> field) => field.Slice(TraceAt, 32);

    /// <summary>The field in version 00.</summary>
    public override string ToString() => string.Create(Length, this, static (text, parent) =>
    {
        // Formatting the numbers would be a fifth of what a span costs.
        Span<byte> ids = stackalloc byte[3 * sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(ids, parent.High);
        BinaryPrimitives.WriteUInt64BigEndian(ids[8..], parent.Low);
        BinaryPrimitives.WriteUInt64BigEndian(ids[16..], parent.Span);
        "00-".CopyTo(text);
        Convert.TryToHexStringLower(ids[..16], text[TraceAt..], out _);
        text[SpanAt - 1] = '-';
        Convert.TryToHexStringLower(ids[16..], text[SpanAt..], out _);
        (parent.Sampled ? "-01" : "-00").CopyTo(text[(FlagsAt - 1)..]);
    });

    private static bool TryHex(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        return !digits.ContainsAnyExcept(LowerHex) && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private static int Digit(char digit) => digit <= '9' ? digit - '0' : digit - 'a' + 10;
}
