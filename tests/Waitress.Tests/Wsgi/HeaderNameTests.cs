using FsCheck;
using FsCheck.Fluent;
using Waitress.Wsgi;

namespace Waitress.Tests.Wsgi;

public class HeaderNameTests
{
    [Theory]
    [InlineData("Accept", "HTTP_ACCEPT")]
    [InlineData("user-agent", "HTTP_USER_AGENT")]
    [InlineData("X-Own-Thing", "HTTP_X_OWN_THING")]
    [InlineData("x!y", "HTTP_X!Y")]
    [InlineData("Content-Type", "CONTENT_TYPE")]
    [InlineData("CONTENT-LENGTH", "CONTENT_LENGTH")]
    [InlineData("content-encoding", "HTTP_CONTENT_ENCODING")]
    [InlineData("X_Real_IP", null)]
    [InlineData("Content_Type", null)]
    [InlineData("_", null)]
    public void ToEnviron_Name_GivesCgiKey(string name, string? key) => Assert.Equal(key, HeaderName.ToEnviron(name));

    [Fact]
    public void ToEnviron_KnownName_IsTheSameInstanceInAnyCase() =>
        Assert.Same(HeaderName.ToEnviron("Accept-Encoding"), HeaderName.ToEnviron("ACCEPT-encoding"));

    [Fact]
    public void ToEnviron_AnyToken_NeverCollidesWithAnotherName()
    {
        var name = Gen.Elements("a", "B", "-", "_", "!", "7").NonEmptyListOf().Select(string.Concat);
        Prop.ForAll(name.Two().ToArbitrary(), pair =>
        {
            var (one, other) = pair;
            var key = HeaderName.ToEnviron(one);
            return key is null == one.Contains('_')
                && (key is null || key != HeaderName.ToEnviron(other) || one.Equals(other, StringComparison.OrdinalIgnoreCase));
        }).QuickCheckThrowOnFailure();
    }
}
