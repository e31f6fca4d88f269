using System.Net;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class TrustedProxiesTests
{
    [Theory]
    [InlineData("10.0.0.1", "10.0.0.1", true)]
    [InlineData("10.0.0.1", "10.0.0.2", false)]
    [InlineData("10.0.0.0/8", "10.200.3.4", true)]
    [InlineData("10.0.0.0/8", "11.0.0.1", false)]
    [InlineData("10.0.0.1", "::ffff:10.0.0.1", true)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", true)]
    [InlineData("::ffff:10.0.0.0/104", "10.9.9.9", true)]
    [InlineData("10.0.0.1", "::10.0.0.1", false)]
    [InlineData("2001:db8::/32", "2001:db8:1::5", true)]
    [InlineData("2001:db8::/32", "2001:db9::5", false)]
    [InlineData("fe80::1", "fe80::1%3", true)]
    [InlineData("fe80::1%2", "fe80::1%3", false)]
    [InlineData("fe80::1%3", "fe80::1%3", true)]
    [InlineData("::/0", "10.0.0.1", false)]
    [InlineData("*", "192.0.2.1", true)]
    [InlineData("localhost", "127.0.0.1", false)]
    [InlineData("127.0.0.1 10.0.0.0/8 ::1", "::1", true)]
    public void Trusts_Peer_IfAnEntryHoldsIt(string entries, string peer, bool trusted) =>
        Assert.Equal(trusted, new TrustedProxies(entries.Split(' ')).Trusts(IPAddress.Parse(peer)));

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("*", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("0.0.0.0/0", false)]
    public void Trusts_UnixPeer_OnlyByLocalhostOrStar(string entry, bool trusted) =>
        Assert.Equal(trusted, new TrustedProxies([entry]).Trusts(null));

    [Fact]
    public void Trusts_NoEntries_Nobody()
    {
        Assert.False(new TrustedProxies([]).Trusts(IPAddress.Loopback));
        Assert.False(new TrustedProxies([]).Trusts(null));
    }

    [Theory]
    [InlineData("proxy.example")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10.0.0.0/33")]
    [InlineData("1")]
    [InlineData("")]
    [InlineData("10.0.0.1,10.0.0.2")]
    public void TrustedProxies_OtherText_Throws(string entry) =>
        Assert.Throws<FormatException>(() => new TrustedProxies([entry]));
}
