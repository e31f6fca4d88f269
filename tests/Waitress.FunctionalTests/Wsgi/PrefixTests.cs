using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

public sealed class PrefixedServer() : ServerFixture("suite:app", "--url-prefix=foo/bar/", "--url-scheme=https", "--server-name=named.test");

public sealed class PrefixTests(PrefixedServer prefixed) : IClassFixture<PrefixedServer>
{
    [Theory]
    [InlineData("/foo/bar/x", "/x")]
    [InlineData("/foo/bar", "")]
    [InlineData("/foo/bar/", "/")]
    [InlineData("/foo/barx", "/foo/barx")]
    [InlineData("/other", "/other")]
    [InlineData("//foo/bar/x", "/x")]
    [InlineData("/foo%2Fbar/x", "/x")]
    public async Task Prefix_OnAnyPath_IsScriptNameAndLeavesThePathWhereItMatches(string target, string path)
    {
        using var client = await prefixed.ConnectAsync();
        var seen = (await client.GetAsync(target)).Json();
        Assert.Equal(("/foo/bar", path, target),
            (EnvironTests.Value(seen, "SCRIPT_NAME"), EnvironTests.Value(seen, "PATH_INFO"), EnvironTests.Value(seen, "REQUEST_URI")));
    }

    [Fact]
    public async Task SchemeAndName_FromTheSettings_AreInTheEnviron()
    {
        using var client = await prefixed.ConnectAsync();
        var seen = (await client.GetAsync("/environ")).Json();
        Assert.Equal(("https", "named.test"), (EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "SERVER_NAME")));
    }
}
