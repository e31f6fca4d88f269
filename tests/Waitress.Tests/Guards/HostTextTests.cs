using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class HostTextTests
{
    [Theory]
    [InlineData("example.com", "example.com", -1)]
    [InlineData("example.com:8080", "example.com", 8080)]
    [InlineData("example.com:", "example.com", -1)]
    [InlineData("[::1]", "[::1]", -1)]
    [InlineData("[2001:db8::1]:0", "[2001:db8::1]", 0)]
    [InlineData("a%41b", "a%41b", -1)]
    [InlineData("a_b", "a_b", -1)]
    [InlineData("", "", -1)]
    public void TryParse_Host_Splits(string text, string host, int port)
    {
        Assert.True(HostText.TryParse(text, out var seen, out var seenPort));
        Assert.Equal((host, port), (seen.ToString(), seenPort));
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("u@h")]
    [InlineData("a:b")]
    [InlineData("a:1:2")]
    [InlineData("a:65536")]
    [InlineData("a:-1")]
    [InlineData("::1")]
    [InlineData("[::1")]
    [InlineData("[::1]8")]
    [InlineData("[]")]
    [InlineData("[ab.example%]")]
    [InlineData("a%4")]
    [InlineData("a%zz")]
    [InlineData("\u00e9")]
    public void TryParse_OtherText_IsRefused(string text) => Assert.False(HostText.TryParse(text, out _, out _));
}
