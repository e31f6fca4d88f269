using System.Net.Security;
using Waitress.Tls;

namespace Waitress.Tests.Tls;

public sealed class CertificateSetTests : IDisposable
{
    private readonly Certificates files = new();

    public void Dispose() => files.Dispose();

    private ServerCertificate Make(string name, params string[] names) =>
        new(new CertificatePair(files.Write(name, names), []), context => new SslServerAuthenticationOptions { ServerCertificateContext = context }, null);

    [Theory]
    [InlineData("a.test", "CN=a,O=Test")]
    [InlineData("A.TEST", "CN=a,O=Test")]
    [InlineData("b.test", "CN=b,O=Test")]
    [InlineData("x.b.test", "CN=b,O=Test")]
    [InlineData("special.b.test", "CN=c,O=Test")]
    [InlineData("x.y.b.test", "CN=a,O=Test")]
    [InlineData(".b.test", "CN=a,O=Test")]
    [InlineData("other.test", "CN=a,O=Test")]
    [InlineData("*.b.test", "CN=b,O=Test")]
    [InlineData("", "CN=a,O=Test")]
    [InlineData(null, "CN=a,O=Test")]
    [InlineData("bücher.test", "CN=d,O=Test")]
    [InlineData("xn--bcher-kva.test", "CN=d,O=Test")]
    [InlineData("straße.b.test", "CN=b,O=Test")]
    [InlineData("\ud800.test", "CN=a,O=Test")]
    public void Select_ByName_TakesTheNameThenTheWildcardThenTheFirst(string? asked, string subject)
    {
        var set = new CertificateSet([Make("a", "a.test", "both.test"), Make("b", "b.test", "*.b.test", "both.test"), Make("c", "special.b.test"), Make("d", "xn--bcher-kva.test")]);
        Assert.Equal(subject, set.Select(asked).Subject);
        Assert.Equal("CN=a,O=Test", set.Select("both.test").Subject);
    }

    [Fact]
    public void Title_OfManyNames_NamesThree()
    {
        Assert.Equal("a.test, b.test, c.test and 1 more", Make("a", "a.test", "B.test", "c.test", "d.test").Title);
        Assert.Equal("CN=no name,O=Test", Make("no name").Title);
    }

    [Fact]
    public void Names_WithoutAlternatives_AreTheCommonName() => Assert.Equal(["old.test"], Make("old.test").Names);
}
