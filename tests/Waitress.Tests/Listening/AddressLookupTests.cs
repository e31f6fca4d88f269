using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Listening;

namespace Waitress.Tests.Listening;

public sealed class AddressLookupTests
{
    private static readonly IPAddress[] s_both = [IPAddress.Loopback, IPAddress.IPv6Loopback, IPAddress.Loopback];

    [Theory]
    [InlineData(true, true, "127.0.0.1:5 [::1]:5")]
    [InlineData(true, false, "127.0.0.1:5")]
    [InlineData(false, true, "[::1]:5")]
    [InlineData(false, false, "127.0.0.1:5 [::1]:5")]
    public void Find_Name_EveryAddressOnceInTheFamiliesAskedFor(bool ipv4, bool ipv6, string expected)
    {
        var found = AddressLookup.Find(new ListenAddress("name", "5"), ipv4, ipv6, _ => s_both, out var error);
        Assert.Null(error);
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Fact]
    public void Find_Star_BothFamilies() =>
        Assert.Equal("0.0.0.0:5 [::]:5", string.Join(' ', AddressLookup.Find(new ListenAddress("*", "5"), true, true, _ => [], out _)));

    [Theory]
    [InlineData("127.0.0.1", "no-such-service", "no TCP service is named no-such-service")]
    [InlineData("nowhere", "1", "the host is unknown")]
    [InlineData("::1", "1", "its address family is switched off (ipv4, ipv6)")]
    public void Find_Impossible_SaysWhy(string host, string port, string reason)
    {
        var found = AddressLookup.Find(
            new ListenAddress(host, port), ipv4: true, ipv6: false, _ => throw new SocketException((int)SocketError.HostNotFound), out var error);
        Assert.Empty(found);
        Assert.Equal(reason, error);
    }

    [Fact]
    public void Find_NameOfAService_IsItsPort()
    {
        if (OperatingSystem.IsWindows() || !Services.TryFind("domain", out var port))
            return; // A system without its file of services.
        Assert.Equal(53, port);
        Assert.Equal("127.0.0.1:53", string.Join(' ', AddressLookup.Find(new ListenAddress("127.0.0.1", "domain"), true, true, _ => [], out _)));
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
