using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

public sealed class FileWrapperTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Theory]
    [InlineData("real")]
    [InlineData("memory")]
    public async Task File_Seekable_GetsItsLength(string kind)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync($"/file?size=3000000&kind={kind}");
        Assert.Equal(Framing.Length, response.Framing);
        Assert.Equal(Pattern.Digest(Pattern.Bytes(3_000_000)), Pattern.Digest(response.Body));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("real")]
    [InlineData("memory")]
    public async Task File_AtAnOffset_IsSentFromThere(string kind)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync($"/file?size=100000&kind={kind}&offset=99000");
        Assert.Equal("1000", response.Header("Content-Length"));
        Assert.Equal(Pattern.Digest(Pattern.Bytes(1000, 99_000)), Pattern.Digest(response.Body));
    }

    [Theory]
    [InlineData("real", 10)]
    [InlineData("memory", 10)]
    [InlineData("pipe", 10)]
    public async Task File_LongerThanTheAppsLength_IsCutToIt(string kind, int length)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync($"/file?size=50000&kind={kind}&length={length}");
        Assert.Equal(Pattern.Digest(Pattern.Bytes(length)), Pattern.Digest(response.Body));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("real")]
    [InlineData("memory")]
    public async Task File_ShorterThanTheAppsLength_CorrectsTheHeader(string kind)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync($"/file?size=500&kind={kind}&length=1000");
        Assert.Equal("500", response.Header("Content-Length"));
        Assert.Equal(Pattern.Digest(Pattern.Bytes(500)), Pattern.Digest(response.Body));
    }

    [Theory]
    [InlineData("pipe", 3_000_000)]
    [InlineData("pipe", 10)]
    [InlineData("real", 0)]
    [InlineData("memory", 0)]
    public async Task File_NotSeekableOrEmpty_IsIterated(string kind, int size)
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync($"/file?size={size}&kind={kind}");
        Assert.Equal(Pattern.Digest(Pattern.Bytes(size)), Pattern.Digest(response.Body));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("real", "GET", "200 OK")]
    [InlineData("memory", "GET", "200 OK")]
    [InlineData("real", "HEAD", "200 OK")]
    [InlineData("real", "GET", "304 Not Modified")]
    public async Task File_Sent_IsClosedOnce(string kind, string method, string status)
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        var response = await client.RequestAsync(
            $"{method} /file?size=100000&kind={kind}&name={name}&status={Uri.EscapeDataString(status)} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal(method == "GET" && status == "200 OK" ? 100_000 : 0, response.Body.Length);
        await suite.Log.WaitForMark("file-closed " + name);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        Assert.Single(suite.Log.Lines, line => line == "MARK file-closed " + name);
    }

    [Fact]
    public async Task Wrapper_UsedByAMiddleware_IteratesByBlockSize()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/file/iterated")).Json();
        Assert.Equal((100, 100_000, 1000),
            (seen.GetProperty("blocks").GetInt32(), seen.GetProperty("bytes").GetInt32(), seen.GetProperty("longest").GetInt32()));
    }

    [Fact]
    public async Task File_WhoseClientLeaves_IsClosed()
    {
        var name = Pattern.Name();
        using (var client = await suite.ConnectAsync())
        {
            await client.SendAsync($"GET /file?size=30000000&kind=real&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.ReceiveBytesAsync(1000);
            client.Abort();
        }

        await suite.Log.WaitForMark("file-closed " + name);
        await suite.Server.AssertServesAsync();
    }
}
