using Microsoft.Extensions.Primitives;
using Waitress.Tracing;

namespace Waitress.Tests.Tracing;

public sealed class TraceParentTests
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c", Span = "b7ad6b7169203331";

    public static TheoryData<string, bool> Valid => new()
    {
        { $"00-{Trace}-{Span}-01", true },
        { $"00-{Trace}-{Span}-00", false },
        { $"00-{Trace}-{Span}-ff", true },
        { $"00-{Trace}-{Span}-fe", false },
        { $"00-{Trace}-{Span}-a3", true },
        { $"00-{new string('0', 31)}1-{new string('0', 15)}1-01", true },
        { $"01-{Trace}-{Span}-01", true },
        { $"cc-{Trace}-{Span}-01-what-is-to-come", true },
        { $"cc-{Trace}-{Span}-00-", false },
        { $"fe-{Trace}-{Span}-01", true },
    };

    public static TheoryData<string> Invalid =>
    [
        "", "-", "00", $"00-{Trace}-{Span}", $"00-{Trace}-{Span}-", $"00-{Trace}-{Span}-0", $"00-{Trace}-{Span}-011", $"00-{Trace}-{Span}-01-", $"00-{Trace}-{Span}-01-00",
        $"ff-{Trace}-{Span}-01", $"cc-{Trace}-{Span}-01.x", $"cc-{Trace}-{Span}-0100", $"0-{Trace}-{Span}-01", $"000-{Trace}-{Span}-01", $"-00-{Trace}-{Span}-01",
        $"0A-{Trace}-{Span}-01", $"g0-{Trace}-{Span}-01", $".0-{Trace}-{Span}-01",
        $"00-{new string('0', 32)}-{Span}-01", $"00-{Trace}-{new string('0', 16)}-01",
        $"00-{Trace.ToUpperInvariant()}-{Span}-01", $"00-{Trace}-{Span.ToUpperInvariant()}-01", $"00-{Trace}-{Span}-0A", $"00-{Trace}-{Span}-x1",
        $"00-{Trace[..31]}-{Span}-01", $"00-{Trace}1-{Span}-01", $"00-{Trace}-{Span[..15]}-01", $"00-{Trace}-{Span}1-01",
        $"00_{Trace}-{Span}-01", $"00-{Trace}_{Span}-01", $"00-{Trace}-{Span}_01", $"00-{Trace[..31]}g-{Span}-01", $"00-{Trace[..31]} -{Span}-01", $"00-+{Trace[1..]}-{Span}-01",
        $"00-{Trace}-0x{Span[2..]}-01", $" 00-{Trace}-{Span}-01", $"00-{Trace}-{Span}-01 ", $"00-{Trace}-{Span}-01,00-{Trace}-{Span}-01", $"00-{Trace[..31]}\u0660-{Span}-01",
    ];

    [Theory]
    [MemberData(nameof(Valid))]
    public void TryParse_OfWhatIsAllowed_HasIdsAndFlag(string text, bool sampled)
    {
        Assert.True(TraceParent.TryParse(text, out var parent));
        Assert.Equal(sampled, parent.Sampled);
        Assert.Equal(text[3..52], parent.ToString()[3..52]);
        Assert.Equal(text[3..35], TraceParent.TraceOf(text).ToString());
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public void TryParse_OfAnythingElse_IsFalse(string text)
    {
        Assert.False(TraceParent.TryParse(text, out var parent));
        Assert.Equal(default, parent);
    }

    [Fact]
    public void TryParse_OfLines_TakesExactlyOne()
    {
        var field = $"00-{Trace}-{Span}-01";
        Assert.True(TraceParent.TryParse(new StringValues(field), out _));
        Assert.False(TraceParent.TryParse(StringValues.Empty, out _));
        Assert.False(TraceParent.TryParse(new StringValues([field, field]), out _));
    }

    [Theory]
    [InlineData(true, $"00-{Trace}-{Span}-01")]
    [InlineData(false, $"00-{Trace}-{Span}-00")]
    public void ToString_IsVersion00(bool sampled, string text) =>
        Assert.Equal(text, new TraceParent(0x0af7651916cd43dd, 0x8448eb211c80319c, 0xb7ad6b7169203331, sampled).ToString());
}
