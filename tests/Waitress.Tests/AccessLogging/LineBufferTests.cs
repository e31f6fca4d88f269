using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Waitress.AccessLogging;

namespace Waitress.Tests.AccessLogging;

public class LineBufferTests
{
    [Theory]
    [InlineData("plain text", true, "plain text")]
    [InlineData("plain text", false, "plain\\x20text")]
    [InlineData("a\"b\\c", true, "a\\x22b\\x5Cc")]
    [InlineData("a\r\nb\tc\0d\x1b[2J\x7f", true, "a\\x0D\\x0Ab\\x09c\\x00d\\x1B[2J\\x7F")]
    [InlineData("caf\xc3\xa9 \x9b", true, "caf\\xC3\\xA9 \\x9B")]
    [InlineData("", true, "")]
    public void Text_OfAClient_IsEscaped(string value, bool quoted, string expected) => Assert.Equal(expected, Written(line => line.AddText(value, quoted)));

    [Theory]
    [InlineData("plain text", "\"plain text\"")]
    [InlineData("a\"b\\c", "\"a\\\"b\\\\c\"")]
    [InlineData("a\r\nb\0\x7f", "\"a\\u000D\\u000Ab\\u0000\\u007F\"")]
    [InlineData("caf\xc3\xa9 \"x\"", "\"café \\\"x\\\"\"")] // UTF-8, as browsers send it
    [InlineData("caf\xe9\x85", "\"café\\u0085\"")] // Latin-1
    [InlineData("\xe2\x80\xa8", "\"\\u2028\"")]
    [InlineData("a\xe2\x80\xae" + "b", "\"a\\u202Eb\"")]
    [InlineData("\xe2\x81\xa6x\xe2\x81\xa9", "\"\\u2066x\\u2069\"")]
    [InlineData("\xd8\x9c\xe2\x80\x8f", "\"\\u061C\\u200F\"")]
    public void Json_OfAClient_IsAStringWithItsText(string value, string expected) => Assert.Equal(expected, Written(line => line.AddJson(value)));

    [Fact]
    public void Values_OfAnyBytes_StayWithinTheirQuotes()
    {
        var latin1 = ArbMap.Default.GeneratorFor<byte[]>().Where(bytes => bytes is not null).Select(Encoding.Latin1.GetString);
        Prop.ForAll(latin1.ToArbitrary(), value =>
        {
            var text = Written(line => line.AddText(value, quoted: true));
            Assert.All(text, c => Assert.InRange(c, ' ', '~'));
            Assert.DoesNotContain('"', text);
            Assert.DoesNotContain(' ', Written(line => line.AddText(value, quoted: false)));
            var json = Written(line => line.AddJson(value));
            Assert.DoesNotContain(json, char.IsControl);
            Assert.NotNull(JsonSerializer.Deserialize<string>(json));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Values_VeryLong_AreCut()
    {
        var text = Written(line => line.AddText(new string('x', 100_000), quoted: true));
        Assert.Equal(new string('x', LineBuffer.LongestValue) + "...", text);
        Assert.Equal(LineBuffer.LongestValue + 3, JsonSerializer.Deserialize<string>(Written(line => line.AddJson(new string('x', 100_000))))!.Length);
        Assert.Equal((4 * LineBuffer.LongestValue) + 3, Written(line => line.AddText(new string('\n', 100_000), quoted: true)).Length);
    }

    [Theory]
    [InlineData(0, "0.000000")]
    [InlineData(1, "0.000001")]
    [InlineData(1_234_567, "1.234567")]
    [InlineData(600_000_000, "600.000000")]
    public void Seconds_OfMicroseconds_HaveSixDecimals(long microseconds, string expected) =>
        Assert.Equal(expected, Written(line => line.AddSeconds(microseconds)));

    private static string Written(Action<LineBuffer> write)
    {
        var line = new LineBuffer();
        write(line);
        return Encoding.UTF8.GetString(line.Bytes);
    }
}
