using FsCheck;
using FsCheck.Fluent;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class ForwardedHeaderTests
{
    [Theory]
    [InlineData("for=192.0.2.1", 1, "192.0.2.1", null, null)]
    [InlineData("For=192.0.2.1;Host=Example.COM;PROTO=https;by=_x", 1, "192.0.2.1", "example.com", "https")]
    [InlineData("for=192.0.2.1;;proto=http;", 1, "192.0.2.1", null, "http")]
    [InlineData("for=a, for=b, for=c", 1, "c", null, null)]
    [InlineData("for=a, for=b, for=c", 2, "b", null, null)]
    [InlineData("for=a, for=b, for=c", 9, "a", null, null)]
    [InlineData("for=a;host=old, for=b, for=c;host=new", 2, "b", "new", null)]
    [InlineData("for=a\t ,\t for=\"[2001:db8::1]:80\"", 1, "[2001:db8::1]:80", null, null)]
    [InlineData("for=a;x=\"1,2;3\", for=b", 1, "b", null, null)]
    [InlineData("for=\"a\\\"b\"", 1, "a\"b", null, null)]
    [InlineData("for=a,", 1, null, null, null)]
    [InlineData("for=", 1, null, null, null)]
    [InlineData(",", 1, null, null, null)]
    public void Parse_Elements_OldestTrustedValueWins(string text, int count, string? forValue, string? host, string? proto)
    {
        Assert.Null(ForwardedHeader.Parse(text, count, out var header));
        Assert.Equal((forValue, host, proto), (header.For, header.Host, header.Proto));
    }

    [Theory]
    [InlineData("for=a, for=b, for=c", 2, "for=b, for=c")]
    [InlineData("for=a;x=\"1,2\" ,  for=b;y=\",\"", 1, "for=b;y=\",\"")]
    [InlineData("for=a", 1, "for=a")]
    [InlineData("for=a", 3, "for=a")]
    [InlineData("for=a,", 1, "")]
    public void Parse_TrustedStart_BeginsTheTrustedPart(string text, int count, string trusted)
    {
        Assert.Null(ForwardedHeader.Parse(text, count, out var header));
        Assert.Equal(trusted, text[header.TrustedStart..]);
    }

    [Theory]
    [InlineData("for")]
    [InlineData("=a")]
    [InlineData("for=a; proto=http")]
    [InlineData("for =a")]
    [InlineData("for= a")]
    [InlineData("for=a b")]
    [InlineData("for=\"a")]
    [InlineData("for=\"a\\\"")]
    [InlineData("for=\"a\"b")]
    [InlineData("for=a\"b\"")]
    [InlineData("for=a;for=b")]
    // An open quote among the client's own elements, closed by the quote of the proxy's.
    [InlineData("for=\"x, for=\"[2001:db8::1]\"")]
    [InlineData("for=\"x, for=192.0.2.1")]
    public void Parse_Malformed_SaysWhy(string text) => Assert.NotNull(ForwardedHeader.Parse(text, 1, out _));

    [Fact]
    public void Parse_UnknownParameter_IsTold()
    {
        Assert.Null(ForwardedHeader.Parse("for=a;secret=1;more=2", 1, out var header));
        Assert.Equal("secret", header.UnknownName);
    }

    [Fact]
    public void Parse_QuotedElements_NthFromTheRightWins()
    {
        var text = Gen.Elements("a", ",", ";", "=", "\"", "\\", " ", "z").NonEmptyListOf().Select(string.Concat);
        var cases = from values in text.NonEmptyListOf() from count in Gen.Choose(1, 5) select (values.ToArray(), count);
        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var (values, count) = one;
            var sent = string.Join(", ", values.Select(v => $"for=\"{v.Replace("\\", "\\\\").Replace("\"", "\\\"")}\""));
            return ForwardedHeader.Parse(sent, count, out var header) is null && header.For == values[Math.Max(0, values.Length - count)];
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Parse_AnyText_NeverThrowsAndTrustsASuffix()
    {
        var text = Gen.Elements("for", "host", "=", ";", ",", "\"", "\\", " ", "\t", "a", "[::1]", "\u00e9").ListOf().Select(string.Concat);
        Prop.ForAll(text.ToArbitrary(), sent =>
        {
            var reason = ForwardedHeader.Parse(sent, 2, out var header);
            return reason is not null || (header.TrustedStart >= 0 && header.TrustedStart <= sent.Length);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Parse_ManyElements_IsLinear()
    {
        // 256 KiB, the largest header: seconds, were it quadratic; the assertion is that it ends and is right.
        var text = string.Concat(Enumerable.Repeat("for=\"a\",", 32_768)) + "for=b";
        Assert.Null(ForwardedHeader.Parse(text, 1, out var header));
        Assert.Equal("b", header.For);
    }
}
