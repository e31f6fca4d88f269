using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class AddressTests
{
    [Theory]
    [InlineData("localhost", "localhost:8080")]
    [InlineData("localhost:80", "localhost:80")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("*", "*:8080")]
    [InlineData("*:65535", "*:65535")]
    [InlineData("[::1]", "[::1]:8080")]
    [InlineData("[::1]:080", "[::1]:80")]
    [InlineData("::1:80", "[::1]:80")]
    [InlineData("[fe80::1%eth0]:80", "[fe80::1%eth0]:80")]
    [InlineData("my_host.example-site", "my_host.example-site:8080")]
    [InlineData("bücher.example:80", "bücher.example:80")]
    [InlineData("localhost:http", "localhost:http")]
    [InlineData("*:http-alt", "*:http-alt")]
    [InlineData("[::1]:whois++", "[::1]:whois++")]
    public void Listen_GoodItem_HasOneForm(string item, string expected)
    {
        var form = ListenAddress.Parse(item)!.ToString();
        Assert.Equal(expected, form);
        Assert.Equal(form, ListenAddress.Parse(form)!.ToString());
    }

    [Theory]
    [InlineData("localhost", "localhost", "8080")]
    [InlineData("[::]:65535", "::", "65535")]
    [InlineData("a-b.example:http-alt", "a-b.example", "http-alt")]
    public void Listen_GoodItem_HasHostAndPort(string item, string host, string port) =>
        Assert.Equal(new ListenAddress(host, port), ListenAddress.Parse(item));

    [Theory]
    [InlineData(":9")]
    [InlineData("::1")]
    [InlineData("host:")]
    [InlineData("host:65536")]
    [InlineData("host:-1")]
    [InlineData("host:8o80")]
    [InlineData("host:-http")]
    [InlineData("host:ht tp")]
    [InlineData("h:1:2")]
    [InlineData("[127.0.0.1]:80")]
    [InlineData("host:99999999999999999999")]
    [InlineData("a,b")]
    [InlineData("http://host")]
    [InlineData("[::1")]
    [InlineData("[::1]80")]
    [InlineData("[host]:80")]
    [InlineData("[::1%]:80")]
    [InlineData("[]:80")]
    [InlineData("[[::1]]:80")]
    [InlineData("")]
    public void Listen_BadItem_IsNone(string item) => Assert.Null(ListenAddress.Parse(item));

    [Fact]
    public void Listen_ListOrText_SplitsOnWhitespaceAndDropsRepeats()
    {
        object?[] list = ["a:1 b:2", "a:1", "c:0", "c:0"];
        Assert.Equal(["a:1", "b:2", "c:0", "c:0"], Given.Good(Given.Keyword("listen", list)).Listen);
        Assert.Equal(["a:1", "b:2"], Given.Good(Given.Keyword("listen", " a:1\n\tb:2 ")).Listen);
        Assert.Contains("\":9\" is not allowed", Given.Bad(Given.Keyword("listen", "a:1 :9")), StringComparison.Ordinal);
        Assert.Contains("an empty list is not allowed", Given.Bad(Given.Keyword("listen", Array.Empty<object?>())), StringComparison.Ordinal);
        Assert.NotEmpty(Given.Keyword("listen", "").Errors);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1:8080")]
    [InlineData("::1", "[::1]:8080")]
    [InlineData("[::1]", "[::1]:8080")]
    [InlineData("*", "*:8080")]
    public void Host_GoodValue_MakesOneAddress(string host, string expected) => Assert.Equal([expected], Given.Good(Given.Keyword("host", host)).Listen);

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("a b")]
    [InlineData("a:80")]
    public void Host_BadValue_IsAnError(string? host) => Assert.NotEmpty(Given.Keyword("host", host).Errors);

    [Theory]
    [InlineData("*", "*")]
    [InlineData("LocalHost", "localhost")]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("2001:DB8::1", "2001:db8::1")]
    [InlineData("2001:db8::/32", "2001:db8::/32")]
    public void Proxy_GoodItem_HasOneForm(string item, string expected) => Assert.Equal(expected, ProxyAddress.Normalize(item));

    [Theory]
    [InlineData("nginx")]
    [InlineData("10")]
    [InlineData("10.1")]
    [InlineData("010.0.0.1")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/+8")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("::1/129")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[::1]")]
    [InlineData("10.0.0.1:80")]
    [InlineData("")]
    public void Proxy_BadItem_IsNone(string item) => Assert.Null(ProxyAddress.Normalize(item));

    [Fact]
    public void Proxy_List_TakesCommasSpacesAndLists()
    {
        var expected = new ValueList<string>(["10.0.0.0/8", "::1", "localhost"]);
        Assert.Equal(expected, Given.Good(Given.Keyword("trusted_proxy", "10.0.0.0/8, ::1,localhost")).TrustedProxy);
        object?[] list = ["10.0.0.0/8", "::1 localhost"];
        Assert.Equal(expected, Given.Good(Given.Keyword("trusted_proxy", list)).TrustedProxy);
    }
}
