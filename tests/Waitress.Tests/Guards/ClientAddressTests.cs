using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class ClientAddressTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", null)]
    [InlineData("192.0.2.1:5858", "192.0.2.1", "5858")]
    [InlineData("192.0.2.1:_port", "192.0.2.1", "_port")]
    [InlineData("2001:db8::0", "2001:db8::0", null)]
    [InlineData("[2001:db8::1]", "2001:db8::1", null)]
    [InlineData("[2001:db8::1]:3821", "2001:db8::1", "3821")]
    [InlineData("::ffff:1.2.3.4", "::ffff:1.2.3.4", null)]
    [InlineData("[::ffff:1.2.3.4]:80", "::ffff:1.2.3.4", "80")]
    [InlineData("fe80::1%eth0", "fe80::1%eth0", null)]
    [InlineData("unknown", "unknown", null)]
    [InlineData("_hidden", "_hidden", null)]
    [InlineData("client.example", "client.example", null)]
    public void TryParse_Node_GivesAddressAndPort(string node, string address, string? port)
    {
        Assert.True(ClientAddress.TryParse(node, out var seen, out var seenPort));
        Assert.Equal((address, port), (seen, seenPort));
    }

    [Theory]
    [InlineData("")]
    [InlineData("192.0.2.1:")]
    [InlineData("192.0.2.1:65536")]
    [InlineData("192.0.2.1:x")]
    [InlineData("192.0.2.1:80:90")]
    [InlineData("192.0.2.256")]
    [InlineData("192.0.2")]
    [InlineData("1")]
    [InlineData("010.0.0.1")]
    [InlineData("[192.0.2.1]")]
    [InlineData("[::1")]
    [InlineData("[::1]x")]
    [InlineData("[]")]
    [InlineData("::1]")]
    [InlineData(":80")]
    [InlineData("a b")]
    [InlineData("<b>")]
    [InlineData("2001:db8::1/64")]
    [InlineData("fe80::1%")]
    public void TryParse_OtherText_IsRefused(string node) => Assert.False(ClientAddress.TryParse(node, out _, out _));
}
