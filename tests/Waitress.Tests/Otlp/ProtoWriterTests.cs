using Waitress.Otlp;

namespace Waitress.Tests.Otlp;

public sealed class ProtoWriterTests
{
    private readonly ProtoWriter writer = new();

    [Fact]
    public void Fields_OfEachType_AreReadBack()
    {
        writer.Number(1, ulong.MaxValue);
        writer.Number(2, 0);
        writer.Number(16, 300);
        writer.Fixed32(3, 0xDEADBEEF);
        writer.Fixed64(4, 0x0102030405060708);
        writer.Double(5, -0.5);
        writer.Block(6, [1, 2, 3]);
        writer.Text(7, "gr\u00fc\u00df \u20ac");
        writer.Packed(8, [1, ulong.MaxValue]);
        writer.Attribute(9, "key"u8, "");
        writer.Attribute(9, "long"u8, new string('\u20ac', 500));
        writer.Attribute(9, "number"u8, -7);
        var read = new Message(writer.Written);
        Assert.Equal((ulong.MaxValue, 0UL, 300UL), (read.Number(1), read.Number(2), read.Number(16)));
        Assert.Equal((0xDEADBEEFUL, 0x0102030405060708UL, -0.5), (read.Number(3), read.Number(4), read.Double(5)));
        Assert.Equal([1, 2, 3], read.Bytes(6));
        Assert.Equal("gr\u00fc\u00df \u20ac", read.Text(7));
        Assert.Equal([1, ulong.MaxValue], read.Packed(8));
        Assert.Equal(new Dictionary<string, string> { ["key"] = "", ["long"] = new string('\u20ac', 500), ["number"] = "-7" }, read.Attributes(9));
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("gr\u00fc\u00df")]
    [InlineData("not \ud800 a character")]
    public void Attribute_OfEachLength_IsReadBack(string text)
    {
        for (var length = 100; length < 300; length++)
            writer.Attribute(length % 2 == 0 ? 9 : 16, System.Text.Encoding.UTF8.GetBytes($"key{length}"), text.PadRight(length - 90, 'x'));
        var read = new Message(writer.Written);
        var expected = text.Replace('\ud800', '\ufffd');
        Assert.All(read.Attributes(9).Concat(read.Attributes(16)), pair => Assert.Equal(expected.PadRight(int.Parse(pair.Key.AsSpan(3), System.Globalization.CultureInfo.InvariantCulture) - 90, 'x'), pair.Value));
        Assert.Equal(200, read.Fields.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(100_000)]
    public void Nested_OfAnyLength_IsReadBack(int length)
    {
        var outer = writer.Begin(1);
        var inner = writer.Begin(2);
        writer.Text(3, new string('x', length));
        writer.End(inner);
        writer.Number(4, 9);
        writer.End(outer);
        var read = new Message(writer.Written).Inner(1);
        Assert.Equal((length, 9UL), (read.Inner(2).Text(3).Length, read.Number(4)));
        writer.Clear();
        Assert.Equal(0, writer.Written.Length);
    }
}
