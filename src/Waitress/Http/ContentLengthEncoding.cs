using System.Text;

namespace Waitress.Http;

/// <summary>
/// How the bytes of a <c>Content-Length</c> become characters: digits as they are, anything else not at all. Kestrel parses the
/// decoded text as a .NET number, which may have a sign and blanks; RFC 9110 section 8.6 wants digits alone, and servers that differ
/// about <c>+1</c> have been played against each other (CVE-2022-24761).
/// </summary>
internal sealed class ContentLengthEncoding : Encoding
{
    // Can't be part of a number, so that Kestrel answers 400; throwing would name the encoding as the culprit.
    private const char NoDigit = 'x';

    public static readonly ContentLengthEncoding Instance = new();

    /// <inheritdoc/>
    public override int GetByteCount(char[] chars, int index, int count) => count;

    /// <inheritdoc/>
    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    /// <inheritdoc/>
    public override int GetCharCount(byte[] bytes, int index, int count) => count;

    /// <inheritdoc/>
    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
        GetChars(bytes.AsSpan(byteIndex, byteCount), chars.AsSpan(charIndex));

    /// <inheritdoc/>
    public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
    {
        // Kestrel's room is that of the largest 64-bit number. Too long is as wrong as no number, but an overflow would end the
        // connection without an answer.
        if (bytes.Length > chars.Length)
        {
            chars[0] = NoDigit;
            return 1;
        }

        var count = Latin1.GetChars(bytes, chars);
        for (var i = 0; i < count; i++)
        {
            if (!char.IsAsciiDigit(chars[i]))
                chars[i] = NoDigit;
        }

        return count;
    }

    /// <inheritdoc/>
    public override int GetMaxByteCount(int charCount) => charCount;

    /// <inheritdoc/>
    public override int GetMaxCharCount(int byteCount) => byteCount;
}
