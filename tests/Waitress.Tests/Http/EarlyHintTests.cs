using System.Text;
using Waitress.Http;

namespace Waitress.Tests.Http;

public class EarlyHintTests
{
    [Fact]
    public void Frame_OfTwoLinks_IsOneOfLiteralFields()
    {
        var frame = EarlyHint.Frame(0x01020305, ["</a>", "\u00e9"])!;
        byte[] fields = [0x08, 3, .. "103"u8, 0x0F, 0x1E, 4, .. "</a>"u8, 0x0F, 0x1E, 1, 0xE9]; // Names 8 and 45 of the static table
        Assert.Equal([0, 0, (byte)fields.Length, 1, 4, 1, 2, 3, 5, .. fields], frame);
    }

    [Theory]
    [InlineData(126, new byte[] { 126 })]
    [InlineData(127, new byte[] { 127, 0 })]
    [InlineData(128, new byte[] { 127, 1 })]
    [InlineData(254, new byte[] { 127, 127 })]
    [InlineData(255, new byte[] { 127, 128, 1 })]
    [InlineData(16_000, new byte[] { 127, 129, 124 })]
    public void Frame_LongLinks_HaveTheirLengthAsHpackHasIt(int length, byte[] prefix)
    {
        var link = new string('x', length);
        var frame = EarlyHint.Frame(1, [link])!;
        Assert.Equal([0x08, 3, .. "103"u8, 0x0F, 0x1E, .. prefix, .. Encoding.ASCII.GetBytes(link)], frame[9..]);
        Assert.Equal(frame.Length - 9, (frame[0] << 16) | (frame[1] << 8) | frame[2]);
    }

    [Fact]
    public void Frame_LargerThanEveryClientTakes_IsNone()
    {
        var room = EarlyHint.MaxPayload - 5 - 2 - 3; // :status, the link's name, its length
        Assert.Equal(EarlyHint.MaxPayload + 9, EarlyHint.Frame(1, [new string('x', room)])!.Length);
        Assert.Null(EarlyHint.Frame(1, [new string('x', room + 1)]));
        Assert.Null(EarlyHint.Frame(1, [.. Enumerable.Repeat("x", 6_000)]));
    }
}
