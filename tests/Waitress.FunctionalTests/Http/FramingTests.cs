using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Http;

/// <summary>Bodies in both directions: lengths, chunks, Expect, and the answers that have none.</summary>
public sealed class FramingTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    public static TheoryData<Segmentation> Segmentations => [.. Enum.GetValues<Segmentation>()];

    [Theory]
    [MemberData(nameof(Segmentations))]
    public async Task ContentLength_Body_ReachesTheAppAndTheNextRequestFollows(Segmentation segmentation)
    {
        using var client = await suite.ConnectAsync();
        var body = "line\r\n\r\nGET /fake HTTP/1.1\r\n\r\n";
        var response = await client.RequestAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n{body}", segmentation);
        Assert.Equal(Pattern.Digest(body), response.Json().GetProperty("sha256").GetString());
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [MemberData(nameof(Segmentations))]
    public async Task Chunked_Body_IsDecodedWithLengthAndNoCodingLeft(Segmentation segmentation)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.RequestAsync(
            "POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3\r\nabc\r\n00A;name=\"a;b\";flag\r\n0123456789\r\n1;x=y\r\n\n\r\n0\r\nX-Trailer: 1\r\n\r\n", segmentation);
        var seen = response.Json();
        Assert.Equal((14, Pattern.Digest("abc0123456789\n")), (seen.GetProperty("length").GetInt32(), seen.GetProperty("sha256").GetString()));
        Assert.Equal("14", seen.GetProperty("CONTENT_LENGTH").GetString());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, seen.GetProperty("HTTP_TRANSFER_ENCODING").ValueKind);
        Assert.True(seen.GetProperty("terminated").GetBoolean());
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("chunked")]
    [InlineData("CHUNKED")]
    [InlineData("Chunked ")]
    public async Task Chunked_InAnyCase_IsDecoded(string coding)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.RequestAsync(
            $"POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        Assert.Equal(3, response.Json().GetProperty("length").GetInt32());
    }

    [Fact]
    public async Task Chunked_OnHttp10_NeverLeavesBytesForANextRequest()
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync("POST /digest HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            + $"GET /digest?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Contains((await client.ReceiveAsync()).Status, (int[])[200, 400, 501]);
        await client.AssertClosedAsync();
        Assert.False(suite.Log.HasMark("called " + name));
    }

    [Fact]
    public async Task Body_NotReadByTheApp_DoesNotBecomeTheNextRequest()
    {
        using var client = await suite.ConnectAsync();
        var smuggled = "GET /status?status=418%20Teapot HTTP/1.1\r\nHost: test\r\n\r\n";
        var response = await client.RequestAsync($"POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: {smuggled.Length}\r\n\r\n{smuggled}");
        Assert.Equal("unread", response.Text);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Post_WithoutLength_HasAnEmptyBody()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync("POST /digest HTTP/1.1\r\nHost: test\r\n\r\n")).Json();
        Assert.Equal(0, seen.GetProperty("length").GetInt32());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, seen.GetProperty("CONTENT_LENGTH").ValueKind);
    }

    [Fact]
    public async Task EmptyLines_BeforeTheRequestLine_AreSkipped()
    {
        using var client = await suite.ConnectAsync();
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        await client.SendAsync("\r\nGET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal(Expected.Hello, (await client.ReceiveAsync()).Text);
    }

    [Fact]
    public async Task Expect_BodyAwaited_Gets100ThenTheAnswer()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
        Assert.Equal(100, (await client.ReceiveAsync()).Status);
        await client.SendAsync("abc");
        Assert.Equal(Pattern.Digest("abc"), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Expect_ChunkedBody_Gets100ThenTheAnswer()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
        Assert.Equal(100, (await client.ReceiveAsync()).Status);
        await client.SendAsync("3\r\nabc\r\n0\r\n\r\n");
        Assert.Equal(3, (await client.ReceiveAsync()).Json().GetProperty("length").GetInt32());
    }

    [Fact]
    public async Task Expect_WithoutBody_IsAnsweredAndDoesNotHang()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n");
        var response = await client.ReceiveAsync();
        if (response.Status == 100)
        {
            response = await client.ReceiveAsync();
        }

        Assert.Equal((200, Expected.Hello), (response.Status, response.Text));
    }

    [Fact]
    public async Task Expect_OnHttp10_GetsNo100()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("POST /digest HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
        Assert.Equal(200, (await client.ReceiveAsync()).Status);
        await client.AssertClosedAsync();
    }

    [Theory]
    [InlineData("/hello", "14")]
    [InlineData("/big?size=1000000&length", "1000000")]
    [InlineData("/file?size=50000&kind=real", "50000")]
    public async Task Head_HasTheHeadersOfGetAndNoBody(string target, string length)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.RequestAsync($"HEAD {target} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal((200, length), (response.Status, response.Header("Content-Length")));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("/generator")]
    [InlineData("/write")]
    [InlineData("/file?size=50000&kind=pipe")]
    [InlineData("/status?status=204%20No%20Content")]
    public async Task Head_OfAnUnannouncedBody_SendsNone(string target)
    {
        using var client = await suite.ConnectAsync();
        Assert.True((await client.RequestAsync($"HEAD {target} HTTP/1.1\r\nHost: test\r\n\r\n")).Status < 300);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("204 No Content", "")]
    [InlineData("304 Not Modified", "")]
    [InlineData("204 No Content", "[[\"Content-Length\", \"5\"]]")]
    public async Task Bodiless_WithABodyFromTheApp_SendsNoneAndSaysSo(string status, string headers)
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        var response = await client.GetAsync(
            $"/status?status={Uri.EscapeDataString(status)}&body=stray{(headers.Length > 0 ? "&headers=" + Uri.EscapeDataString(headers) : "")}");
        Assert.Equal(status[..3], response.Status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Null(response.Header("Transfer-Encoding"));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        await suite.Log.WaitForLog(line => line.StartsWith("WARNING:waitress:", StringComparison.Ordinal), "a warning about the body", from);
    }
}
