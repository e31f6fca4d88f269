using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests.Proxy;

public sealed class TrustingServer() : ServerFixture(
    "suite:app", "--trusted-proxy=127.0.0.1",
    "--trusted-proxy-headers=x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-by");

public sealed class TrustedProxyTests(TrustingServer trusting) : IClassFixture<TrustingServer>
{
    [Fact]
    public async Task XForwarded_AllOfThem_RewriteTheEnviron()
    {
        using var client = await trusting.ConnectAsync();
        var seen = (await client.GetAsync("/environ",
            "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: shop.test\r\nX-Forwarded-Proto: HTTPS\r\nX-Forwarded-Port: 8443\r\nX-Forwarded-By: me\r\n")).Json();
        Assert.Equal(("192.0.2.7", "192.0.2.7", "https", "shop.test", "8443", "shop.test:8443", "me"),
            (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "REMOTE_HOST"), EnvironTests.Value(seen, "wsgi.url_scheme"),
                EnvironTests.Value(seen, "SERVER_NAME"), EnvironTests.Value(seen, "SERVER_PORT"), EnvironTests.Value(seen, "HTTP_HOST"),
                EnvironTests.Value(seen, "HTTP_X_FORWARDED_BY")));
    }

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("198.51.100.1, 192.0.2.7", "192.0.2.7")]
    [InlineData("forged, 198.51.100.1,192.0.2.7", "192.0.2.7")]
    [InlineData("\"192.0.2.7\"", "192.0.2.7")]
    public async Task XForwardedFor_Chain_GivesTheLastHopAndIsCutToIt(string value, string address)
    {
        using var client = await trusting.ConnectAsync();
        var seen = (await client.GetAsync("/environ", $"X-Forwarded-For: {value}\r\n")).Json();
        Assert.Equal((address, address), (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "HTTP_X_FORWARDED_FOR")!.Trim('"')));
    }

    [Fact]
    public async Task XForwardedFor_WithPort_SetsAddressAndPort()
    {
        using var client = await trusting.ConnectAsync();
        var seen = (await client.GetAsync("/environ", "X-Forwarded-For: 192.0.2.7:4711\r\n")).Json();
        Assert.Equal(("192.0.2.7", "4711"), (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "REMOTE_PORT")));
    }

    [Theory]
    [InlineData("https", "443")]
    [InlineData("http", "80")]
    public async Task XForwardedProto_WithoutPort_SetsTheSchemesPort(string scheme, string port)
    {
        using var client = await trusting.ConnectAsync();
        var seen = (await client.GetAsync("/environ", $"X-Forwarded-Proto: {scheme}\r\n")).Json();
        Assert.Equal((scheme, port), (EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "SERVER_PORT")));
    }

    [Theory]
    [InlineData("X-Forwarded-For: \"192.0.2.7\r\n")]
    [InlineData("X-Forwarded-Proto: ftp\r\n")]
    [InlineData("X-Forwarded-Proto: http, https\r\n")]
    [InlineData("X-Forwarded-Port: 80, 81\r\n")]
    public async Task XForwarded_Malformed_Is400NamedAndTheAppIsNotCalled(string header)
    {
        using var client = await trusting.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync($"GET /digest?name={name} HTTP/1.1\r\nHost: test\r\n{header}\r\n");
        var response = await client.ReceiveAsync();
        Expected.Refusal(response, 400);
        Assert.Contains(header[..header.IndexOf(':', StringComparison.Ordinal)], response.Text, StringComparison.OrdinalIgnoreCase);
        Assert.False(trusting.Log.HasMark("called " + name));
    }

    [Fact]
    public async Task Forwarded_NotTrusted_IsDropped()
    {
        using var client = await trusting.ConnectAsync();
        var seen = (await client.GetAsync("/environ", "Forwarded: for=192.0.2.9;proto=https\r\nX-Forwarded-For: \r\n")).Json();
        Assert.DoesNotContain("HTTP_FORWARDED", EnvironTests.Keys(seen));
        Assert.Equal(("127.0.0.1", "http"), (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "wsgi.url_scheme")));
    }
}

public sealed class ForwardedServer() : ServerFixture(
    "suite:app", "--trusted-proxy=127.0.0.1", "--trusted-proxy-count=2", "--trusted-proxy-headers=forwarded");

public sealed class ForwardedTests(ForwardedServer forwarded) : IClassFixture<ForwardedServer>
{
    [Fact]
    public async Task Forwarded_TwoHopsTrusted_TheOlderOneCounts()
    {
        using var client = await forwarded.ConnectAsync();
        var seen = (await client.GetAsync("/environ",
            "Forwarded: for=203.0.113.1, for=192.0.2.7;proto=https;host=shop.test, for=198.51.100.2\r\n")).Json();
        Assert.Equal(("192.0.2.7", "https", "shop.test", "443"),
            (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "SERVER_NAME"),
                EnvironTests.Value(seen, "SERVER_PORT")));
        Assert.DoesNotContain("203.0.113.1", EnvironTests.Value(seen, "HTTP_FORWARDED"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("for")]
    [InlineData("for = 192.0.2.7")]
    [InlineData("for=\"192.0.2.7")]
    public async Task Forwarded_Malformed_Is400(string value)
    {
        using var client = await forwarded.ConnectAsync();
        await client.SendAsync($"GET /hello HTTP/1.1\r\nHost: test\r\nForwarded: {value}\r\n\r\n");
        Expected.Refusal(await client.ReceiveAsync(), 400);
    }
}

public sealed class UntrustedProxyTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    private const string Forged =
        "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n"
        + "X-Forwarded-By: x\r\nForwarded: for=192.0.2.9;host=evil.test;proto=https\r\n";

    [Fact]
    public async Task Headers_FromAnybody_ChangeNothingAndAreRemoved()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/environ", Forged)).Json();
        Assert.Equal(("127.0.0.1", "http", "test", "waitress.invalid", suite.Server.PortText),
            (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "HTTP_HOST"),
                EnvironTests.Value(seen, "SERVER_NAME"), EnvironTests.Value(seen, "SERVER_PORT")));
        Assert.DoesNotContain(EnvironTests.Keys(seen), key => key.Contains("FORWARDED", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Headers_WithClearingOff_StayButChangeNothing()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--no-clear-untrusted-proxy-headers"]);
        using var client = await server.ConnectAsync();
        var seen = (await client.GetAsync("/environ", Forged)).Json();
        Assert.Equal(("127.0.0.1", "http", "192.0.2.7"),
            (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "HTTP_X_FORWARDED_FOR")));
    }

    [Fact]
    public async Task Headers_Removed_AreLoggedWhenAsked()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--log-untrusted-proxy-headers"]);
        using var client = await server.ConnectAsync();
        await client.GetAsync("/environ", Forged);
        var line = await server.Log.WaitForLog(
            entry => entry.StartsWith("WARNING:waitress:", StringComparison.Ordinal) && entry.Contains("orwarded", StringComparison.OrdinalIgnoreCase),
            "the removed headers");
        Assert.Contains("X_FORWARDED_FOR", line.Replace('-', '_').ToUpperInvariant(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.0/8 127.0.0.0/8", "192.0.2.7")]
    [InlineData("10.0.0.1 127.0.0.1", "192.0.2.7")]
    [InlineData("*", "192.0.2.7")]
    [InlineData("10.0.0.0/8 127.0.0.2", "127.0.0.1")]
    public async Task TrustedProxy_ListAndCidr_DecideByThePeer(string proxies, string address)
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--trusted-proxy=" + proxies, "--trusted-proxy-headers=x-forwarded-for"]);
        using var client = await server.ConnectAsync();
        var seen = (await client.GetAsync("/environ", "X-Forwarded-For: 192.0.2.7\r\n")).Json();
        Assert.Equal(address, EnvironTests.Value(seen, "REMOTE_ADDR"));
    }
}
