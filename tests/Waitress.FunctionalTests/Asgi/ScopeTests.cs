using System.Globalization;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>The connection scope to the letter (ASGI HTTP specification 2.5).</summary>
public sealed class ScopeTests(AsgiServer server) : IClassFixture<AsgiServer>
{
    [Fact]
    public async Task Scope_OfAPost_HasEveryKey()
    {
        using var client = await server.ConnectAsync();
        var seen = (await client.RequestAsync(
            "POST /any/path?a=1&b=%20 HTTP/1.1\r\nHost: example.test:81\r\nX-One: 1\r\nContent-Length: 3\r\nX-ONE: 2\r\nCookie: a=\xe9\r\n\r\nabc")).Json();
        string[] keys = ["type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers", "client", "server", "extensions"];
        Assert.Equal(keys.Order(), seen.EnumerateObject().Select(each => each.Name).Order());
        var expected = new Dictionary<string, string>
        {
            ["type"] = "http",
            ["http_version"] = "1.1",
            ["method"] = "POST",
            ["scheme"] = "http",
            ["path"] = "/any/path",
            ["raw_path"] = "/any/path",
            ["query_string"] = "a=1&b=%20",
            ["root_path"] = "",
        };
        Assert.All(expected, pair => Assert.Equal(pair.Value, seen.GetProperty(pair.Key).GetString()));
        Assert.Equal("""{"version": "3.0", "spec_version": "2.5"}""", seen.GetProperty("asgi").GetRawText());
        Assert.Equal("""{"http.response.pathsend": {}}""", seen.GetProperty("extensions").GetRawText());
        Assert.Equal(("127.0.0.1", client.LocalPort), Peer(seen, "client"));
        Assert.Equal(("127.0.0.1", server.Server.Port), Peer(seen, "server"));
        Assert.Equal(["1", "2"], Values(seen, "x-one"));
        Assert.Equal(["example.test:81"], Values(seen, "host"));
        Assert.Equal(["3"], Values(seen, "content-length"));
        Assert.Equal(["a=\u00e9"], Values(seen, "cookie"));
    }

    [Theory]
    [InlineData("/any/caf%C3%A9/%E2%82%AC", "/any/caf\u00e9/\u20ac", "/any/caf%C3%A9/%E2%82%AC")]
    [InlineData("/any/a%2Fb%3Fc", "/any/a/b?c", "/any/a%2Fb%3Fc")]
    [InlineData("/any/%FF", "/any/\ufffd", "/any/%FF")]
    [InlineData("http://other.test/any/x?y", "/any/x", "http://other.test/any/x")]
    public async Task Path_Encoded_IsDecodedAndRawPathIsAsItCame(string target, string path, string raw)
    {
        using var client = await server.ConnectAsync();
        var seen = (await client.GetAsync(target)).Json();
        Assert.Equal((path, raw), (seen.GetProperty("path").GetString(), seen.GetProperty("raw_path").GetString()));
    }

    [Fact]
    public async Task Version_Http10_IsTold()
    {
        using var client = await server.ConnectAsync();
        var seen = (await client.RequestAsync("GET /any HTTP/1.0\r\n\r\n")).Json();
        Assert.Equal("1.0", seen.GetProperty("http_version").GetString());
        await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Scope_BehindATrustedProxyUnderAPrefix_IsTheClients()
    {
        await using var behind = await PythonServer.StartAsync("asgi_suite:app",
            ["--trusted-proxy=127.0.0.1", "--trusted-proxy-headers=forwarded", "--url-prefix=/pre", "--url-scheme=http"]);
        using var client = await behind.ConnectAsync();
        var seen = (await client.GetAsync("/pre/any", "Forwarded: for=203.0.113.7;proto=https;host=shop.test\r\n")).Json();
        Assert.Equal(("https", "/pre/any", "/pre"),
            (seen.GetProperty("scheme").GetString(), seen.GetProperty("path").GetString(), seen.GetProperty("root_path").GetString()));
        Assert.Equal("203.0.113.7", seen.GetProperty("client")[0].GetString());
        Assert.Equal("shop.test", seen.GetProperty("server")[0].GetString());
        Assert.Equal("/pre/bare", (await client.GetAsync("/bare")).Json().GetProperty("path").GetString());
        Assert.Equal(0, await behind.StopAsync());
    }

    [Fact]
    public async Task Scope_OnAUnixSocket_NamesItsPathAndNoClient()
    {
        using var folder = new TemporaryFolder();
        await using var other = await PythonServer.StartOnAsync(folder.File("s"), "asgi_suite:app");
        using var client = await other.ConnectAsync();
        var seen = (await client.GetAsync("/any")).Json();
        Assert.Equal(JsonValueKind.Null, seen.GetProperty("client").ValueKind);
        Assert.Equal((folder.File("s"), JsonValueKind.Null), (seen.GetProperty("server")[0].GetString(), seen.GetProperty("server")[1].ValueKind));
        Assert.Equal(0, await other.StopAsync());
    }

    private static (string?, int) Peer(JsonElement seen, string key) =>
        (seen.GetProperty(key)[0].GetString(), int.Parse(seen.GetProperty(key)[1].GetRawText(), CultureInfo.InvariantCulture));

    private static IEnumerable<string?> Values(JsonElement seen, string name) =>
        seen.GetProperty("headers").EnumerateArray().Where(pair => pair[0].GetString() == name).Select(pair => pair[1].GetString());
}
