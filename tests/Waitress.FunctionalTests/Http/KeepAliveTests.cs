using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Http;

/// <summary>RFC 9112 section 9.3: who keeps a connection open, and who closes it.</summary>
public sealed class KeepAliveTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Theory]
    [InlineData("/hello", "")]
    [InlineData("/generator", "")]
    [InlineData("/empty", "")]
    [InlineData("/status?status=204%20No%20Content", "")]
    [InlineData("/status?status=304%20Not%20Modified", "")]
    [InlineData("/hello", "Connection: keep-alive\r\n")]
    [InlineData("/mistake/uneven?length=2&body=too-long", "")]
    public async Task Http11_AfterWholeAnswer_StaysOpen(string target, string headers)
    {
        using var client = await suite.ConnectAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            var response = await client.GetAsync(target, headers);
            Assert.True(response.Status < 400);
            Assert.Null(response.Header("Connection"));
        }

        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("Connection: close\r\n")]
    [InlineData("Connection: CLOSE\r\n")]
    [InlineData("Connection: close, foo\r\n")]
    public async Task Http11_WithClose_IsClosedAfterTheAnswer(string headers)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync("/hello", headers);
        Assert.Equal((200, Expected.Hello), (response.Status, response.Text));
        Assert.True(response.CloseAnnounced);
        await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Http10_Plain_IsClosedAfterTheAnswer()
    {
        using var client = await suite.ConnectAsync();
        var response = await client.RequestAsync("GET /hello HTTP/1.0\r\n\r\n");
        Assert.Equal((200, Expected.Hello), (response.Status, response.Text));
        await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Http10_WithKeepAlive_StaysOpenAndSaysSo()
    {
        using var client = await suite.ConnectAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            var response = await client.RequestAsync("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            Assert.Equal("keep-alive", response.Header("Connection"), ignoreCase: true);
            Assert.Equal(Expected.Hello, response.Text);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Connection: keep-alive\r\n")]
    public async Task Http10_LengthUnknown_EndsWithTheConnectionAndIsNeverChunked(string headers)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.RequestAsync($"GET /generator HTTP/1.0\r\n{headers}\r\n");
        Assert.Equal((Framing.Close, "onetwothree"), (response.Framing, response.Text));
        await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Pipeline_OfManyKinds_IsAnsweredInOrder()
    {
        using var client = await suite.ConnectAsync();
        string[] targets = ["/hello", "/generator", "/one", "/status?status=204%20No%20Content", "/big?size=300000", "/list"];
        await client.SendAsync(string.Concat(targets.Select(target => $"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"))
            + "POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n12345GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        List<string> bodies = [];
        for (var index = 0; index < targets.Length; index++)
        {
            bodies.Add((await client.ReceiveAsync()).Text);
        }

        Assert.Equal([Expected.Hello, "onetwothree", "one", ""], bodies[..4]);
        Assert.Equal(Pattern.Digest(Pattern.Bytes(300000)), Pattern.Digest(bodies[4]));
        Assert.Equal("onetwothree", bodies[5]);
        Assert.Equal(Pattern.Digest("12345"), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        Assert.Equal(Expected.Hello, (await client.ReceiveAsync()).Text);
    }

    [Theory]
    [InlineData("GET /hello HTTP/1.1\r\nHost: test\r\nBad Header: 1\r\n\r\n")]
    [InlineData("GET /mistake/before HTTP/1.1\r\nHost: test\r\n\r\n")]
    public async Task Pipeline_BehindAnError_IsNeverServed(string wrong)
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n" + wrong + $"GET /digest?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal(Expected.Hello, (await client.ReceiveAsync()).Text);
        await Expected.RefusedAsync(client, 400, 500);
        Assert.False(suite.Log.HasMark("called " + name));
    }

    [Fact]
    public async Task Pipeline_BehindClose_IsNeverServed()
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync(
            "GET /hello HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" + $"GET /digest?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal(Expected.Hello, (await client.ReceiveAsync()).Text);
        await client.AssertClosedAsync();
        Assert.False(suite.Log.HasMark("called " + name));
    }
}
