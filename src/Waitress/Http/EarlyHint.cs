using System.Buffers.Binary;
using System.Text;

namespace Waitress.Http;

/// <summary>
/// A 103 response (RFC 8297) as a HEADERS frame of HTTP/2. Its fields are literals without indexing (RFC 7541 section 6.2.2), so that it
/// leaves the table that Kestrel and the client share as it is.
/// </summary>
internal static class EarlyHint
{
    /// <summary>The length of a frame that every client takes (RFC 9113 section 4.2).</summary>
    public const int MaxPayload = 16_384;

    private const int HeaderLength = 9;
    private const byte Headers = 1, EndHeaders = 4;

    // RFC 7541 appendix A: the names' places in the static table.
    private const int StatusName = 8, LinkName = 45;

    /// <summary>Null: the links do not fit into one frame.</summary>
    /// <param name="stream">Whose answer it precedes.</param>
    /// <param name="links">Values of Link fields, Latin-1.</param>
    public static byte[]? Frame(int stream, IReadOnlyList<string> links)
    {
        var frame = new byte[HeaderLength + 5 + links.Sum(link => link.Length + 2 + 5)]; // 5: the longest prefix of an integer that is below 2^28
        var at = WriteField(frame, HeaderLength, StatusName, "103");
        foreach (var link in links)
            at = WriteField(frame, at, LinkName, link);
        var payload = at - HeaderLength;
        if (payload > MaxPayload)
            return null;
        BinaryPrimitives.WriteInt32BigEndian(frame, (payload << 8) | Headers);
        frame[4] = EndHeaders;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame[..at];
    }

    private static int WriteField(byte[] frame, int at, int name, string value)
    {
        at = WriteInteger(frame, at, 4, name);
        at = WriteInteger(frame, at, 7, value.Length); // The highest bit is not set: no Huffman code.
        return at + Encoding.Latin1.GetBytes(value, frame.AsSpan(at));
    }

    // RFC 7541 section 5.1.
    private static int WriteInteger(byte[] frame, int at, int prefixBits, int value)
    {
        var most = (1 << prefixBits) - 1;
        if (value < most)
        {
            frame[at] = (byte)value;
            return at + 1;
        }

        frame[at++] = (byte)most;
        for (value -= most; value >= 128; value >>= 7)
            frame[at++] = (byte)(value | 128);
        frame[at] = (byte)value;
        return at + 1;
    }
}
