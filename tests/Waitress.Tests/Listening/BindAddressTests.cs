using System.Net;
using System.Net.Sockets;
using Waitress.Listening;

namespace Waitress.Tests.Listening;

public sealed class BindAddressTests
{
    private static readonly IPAddress[] s_both = [IPAddress.Loopback, IPAddress.IPv6Loopback, IPAddress.Loopback];

    [Theory]
    [InlineData("localhost", "localhost", "8080")]
    [InlineData("127.0.0.1:1", "127.0.0.1", "1")]
    [InlineData("*:0", "*", "0")]
    [InlineData("[::1]", "::1", "8080")]
    [InlineData("[::]:65535", "::", "65535")]
    [InlineData("a-b.example:http-alt", "a-b.example", "http-alt")]
    public void Parse_Address_HostAndPort(string text, string host, string port) =>
        Assert.Equal(new BindAddress(host, port), BindAddress.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData(":80")]
    [InlineData("h:")]
    [InlineData("h:1:2")]
    [InlineData("::1")]
    [InlineData("[::1")]
    [InlineData("[]")]
    [InlineData("[::1]80")]
    [InlineData("[127.0.0.1]:80")]
    [InlineData("a b:80")]
    [InlineData("a,b:80")]
    [InlineData("http://h:80")]
    public void Parse_Malformed_IsNull(string text) => Assert.Null(BindAddress.Parse(text));

    [Theory]
    [InlineData(true, true, "127.0.0.1:5 [::1]:5")]
    [InlineData(true, false, "127.0.0.1:5")]
    [InlineData(false, true, "[::1]:5")]
    [InlineData(false, false, "127.0.0.1:5 [::1]:5")]
    public void Resolve_Name_EveryAddressOnceInTheFamiliesAskedFor(bool ipv4, bool ipv6, string expected)
    {
        var found = new BindAddress("name", "5").Resolve(ipv4, ipv6, _ => s_both, out var error);
        Assert.Null(error);
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Fact]
    public void Resolve_Star_BothFamilies() =>
        Assert.Equal("0.0.0.0:5 [::]:5", string.Join(' ', new BindAddress("*", "5").Resolve(true, true, _ => [], out _)));

    [Theory]
    [InlineData("127.0.0.1", "65536", "the port is not a number from 0 to 65535")]
    [InlineData("127.0.0.1", "99999999999", "the port is not a number from 0 to 65535")]
    [InlineData("127.0.0.1", "no-such-service", "no TCP service is named no-such-service")]
    [InlineData("nowhere", "1", "the host is unknown")]
    [InlineData("::1", "1", "its address family is switched off (ipv4, ipv6)")]
    public void Resolve_Impossible_SaysWhy(string host, string port, string reason)
    {
        var found = new BindAddress(host, port)
            .Resolve(ipv4: true, ipv6: false, _ => throw new SocketException((int)SocketError.HostNotFound), out var error);
        Assert.Empty(found);
        Assert.Equal(reason, error);
    }

    [Theory]
    [InlineData("http", true, 80)]
    [InlineData("www", true, 80)]
    [InlineData("alt", true, 8080)]
    [InlineData("ntp", false, 0)]
    [InlineData("80/tcp", false, 0)]
    [InlineData("HTTP", false, 0)]
    public void Services_Find_NamesAndAliasesOfTcp(string name, bool found, int port)
    {
        string[] lines = ["# comment", "", "http\t80/tcp\twww # alt", "ntp 123/udp", "http-alt 8080/tcp alt", "broken", "bad x/tcp alt"];
        Assert.Equal(found, Services.TryFind(name, lines, out var result));
        Assert.Equal(port, result);
    }
}
