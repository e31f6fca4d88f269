using System.Globalization;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>environ to the letter: PEP 3333 and what Waitress promises beyond it.</summary>
public sealed class EnvironTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Fact]
    public async Task Environ_OfAPost_HasEveryKeyWithTypeAndValue()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync(
            "POST /any/path?a=1&b=%20 HTTP/1.1\r\nHost: example.test:81\r\nContent-Type: text/plain; charset=x\r\nContent-Length: 3\r\n"
            + "X-One: 1\r\nCookie: a=b\r\n\r\nabc")).Json();
        var expected = new Dictionary<string, string>
        {
            ["REQUEST_METHOD"] = "POST",
            ["SCRIPT_NAME"] = "",
            ["PATH_INFO"] = "/any/path",
            ["QUERY_STRING"] = "a=1&b=%20",
            ["REQUEST_URI"] = "/any/path?a=1&b=%20",
            ["SERVER_PROTOCOL"] = "HTTP/1.1",
            ["SERVER_NAME"] = "waitress.invalid",
            ["SERVER_PORT"] = suite.Server.PortText,
            ["SERVER_SOFTWARE"] = "waitress",
            ["REMOTE_ADDR"] = "127.0.0.1",
            ["REMOTE_HOST"] = "127.0.0.1",
            ["REMOTE_PORT"] = client.LocalPort.ToString(CultureInfo.InvariantCulture),
            ["CONTENT_TYPE"] = "text/plain; charset=x",
            ["CONTENT_LENGTH"] = "3",
            ["HTTP_HOST"] = "example.test:81",
            ["HTTP_X_ONE"] = "1",
            ["HTTP_COOKIE"] = "a=b",
            ["wsgi.url_scheme"] = "http",
        };
        foreach (var (key, value) in expected)
        {
            Assert.Equal(("str", value), (seen.GetProperty(key)[0].GetString(), Value(seen, key)));
        }

        Assert.Equal(["HTTP_COOKIE", "HTTP_HOST", "HTTP_X_ONE"], Keys(seen).Where(key => key.StartsWith("HTTP_", StringComparison.Ordinal)));
        Assert.Equal([1, 0], seen.GetProperty("wsgi.version")[1].EnumerateArray().Select(part => part.GetInt32()));
        Assert.Equal("tuple", seen.GetProperty("wsgi.version")[0].GetString());
        foreach (var (key, value) in new[]
        {
            ("wsgi.multithread", true), ("wsgi.multiprocess", false), ("wsgi.run_once", false), ("wsgi.input_terminated", true),
        })
        {
            Assert.Equal(("bool", value), (seen.GetProperty(key)[0].GetString(), seen.GetProperty(key)[1].GetBoolean()));
        }

        Assert.Empty(new[] { "wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "waitress.client_disconnected" }.Except(Keys(seen)));
    }

    /// <summary>Waitress keeps the zeros, an HTTP engine that parses the length drops them; the number is the same.</summary>
    [Fact]
    public async Task ContentLength_WithLeadingZeros_IsTheNumber()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync("POST /environ HTTP/1.1\r\nHost: test\r\nContent-Length: 0003\r\n\r\nabc")).Json();
        Assert.Equal("3", Value(seen, "CONTENT_LENGTH")!.TrimStart('0'));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Environ_OfAGet_HasNoContentKeys()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/environ")).Json();
        Assert.DoesNotContain("CONTENT_LENGTH", Keys(seen));
        Assert.DoesNotContain("CONTENT_TYPE", Keys(seen));
        Assert.Equal(("", "GET"), (Value(seen, "QUERY_STRING"), Value(seen, "REQUEST_METHOD")));
    }

    [Theory]
    [InlineData("/any/caf%C3%A9", "/any/caf\u00c3\u00a9")]
    [InlineData("/any/a%2Fb", "/any/a/b")]
    [InlineData("/any/a%20b+c", "/any/a b+c")]
    [InlineData("/any/%zz%4", "/any/%zz%4")]
    [InlineData("/any/%ff%FE", "/any/\u00ff\u00fe")]
    [InlineData("/any/./x/../y", "/any/./x/../y")]
    [InlineData("/any/%2e%2E/x", "/any/../x")]
    [InlineData("//any//x", "/any//x")]
    [InlineData("///any", "/any")]
    [InlineData("/any;p=1,2:3@4!$&'()*", "/any;p=1,2:3@4!$&'()*")]
    [InlineData("/any%3Fx", "/any?x")]
    [InlineData("/any%25zz", "/any%zz")]
    public async Task Path_Raw_IsDecodedOnceAsLatin1(string target, string path)
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync(target)).Json();
        Assert.Equal((path, target), (Value(seen, "PATH_INFO"), Value(seen, "REQUEST_URI")));
    }

    [Theory]
    [InlineData("/any?", "")]
    [InlineData("/any?a=%C3%A9&b=%2f", "a=%C3%A9&b=%2f")]
    [InlineData("/any?a?b=c", "a?b=c")]
    [InlineData("/any?a/../b", "a/../b")]
    public async Task Query_Raw_IsKept(string target, string query)
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync(target)).Json();
        Assert.Equal((query, target), (Value(seen, "QUERY_STRING"), Value(seen, "REQUEST_URI")));
    }

    [Fact]
    public async Task AbsoluteForm_PathAndQuery_AreTaken()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync("GET http://example.test/any/x?q=1 HTTP/1.1\r\nHost: example.test\r\n\r\n")).Json();
        Assert.Equal(("/any/x", "q=1", "example.test"), (Value(seen, "PATH_INFO"), Value(seen, "QUERY_STRING"), Value(seen, "HTTP_HOST")));
    }

    [Fact]
    public async Task AsteriskForm_Options_IsTheAsterisk()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n")).Json();
        Assert.Equal(("*", "OPTIONS"), (Value(seen, "PATH_INFO"), Value(seen, "REQUEST_METHOD")));
    }

    [Theory]
    [InlineData("PATCH")]
    [InlineData("PROPFIND")]
    [InlineData("FOO!#$")]
    public async Task Method_AnyToken_ReachesTheApp(string method)
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync($"{method} /environ/bare HTTP/1.1\r\nHost: test\r\n\r\n")).Json();
        Assert.Equal(method, Value(seen, "REQUEST_METHOD"));
    }

    [Fact]
    public async Task Headers_Repeated_AreJoinedInOrder()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/environ", "X-A: 1\r\nX-B: x\r\nx-a: 2\r\nX-A: 3\r\nCookie: a=1\r\nCookie: b=2\r\n")).Json();
        Assert.Equal("1, 2, 3", Value(seen, "HTTP_X_A"));
        Assert.Contains(Value(seen, "HTTP_COOKIE"), (string[])["a=1, b=2", "a=1; b=2"]);
    }

    [Fact]
    public async Task Headers_WithUnderscore_AreDropped()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/environ", "X_Forged: 1\r\nX-Real: 2\r\nX_Real: 3\r\nContent_Length: 7\r\n")).Json();
        Assert.Equal(["HTTP_HOST", "HTTP_X_REAL"], Keys(seen).Where(key => key.StartsWith("HTTP_", StringComparison.Ordinal)));
        Assert.Equal("2", Value(seen, "HTTP_X_REAL"));
        Assert.DoesNotContain("CONTENT_LENGTH", Keys(seen));
    }

    [Theory]
    [InlineData("X-V:value", "value")]
    [InlineData("X-V: \t value \t ", "value")]
    [InlineData("X-V:", "")]
    [InlineData("X-V: a\tb", "a\tb")]
    [InlineData("X-V: \u00a0\u00e9\u0085\u00ff", "\u00a0\u00e9\u0085\u00ff")]
    [InlineData("X-V: a:b, \"c\"", "a:b, \"c\"")]
    public async Task HeaderValue_Latin1_ReachesTheAppTrimmedOfBlanksOnly(string header, string value)
    {
        using var client = await suite.ConnectAsync();
        Assert.Equal(value, Value((await client.GetAsync("/environ", header + "\r\n")).Json(), "HTTP_X_V"));
    }

    [Fact]
    public async Task Http10_Environ_SaysSo()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync("GET /environ HTTP/1.0\r\n\r\n")).Json();
        Assert.Equal("HTTP/1.0", Value(seen, "SERVER_PROTOCOL"));
        Assert.DoesNotContain("HTTP_HOST", Keys(seen));
    }

    [Fact]
    public async Task Errors_WrittenByTheApp_AreInTheLog()
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        Assert.Equal("written", (await client.GetAsync("/errors?name=" + name)).Text);
        await suite.Log.WaitForMark("errors " + name);
    }

    internal static string? Value(JsonElement seen, string key) => seen.GetProperty(key)[1].GetString();

    internal static IEnumerable<string> Keys(JsonElement seen) =>
        seen.EnumerateObject().Select(entry => entry.Name).Order(StringComparer.Ordinal);
}
