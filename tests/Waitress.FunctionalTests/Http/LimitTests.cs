using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Http;

/// <summary>Small limits: a head of 4096 bytes, a body of 1000; a size that reaches the limit is over it, as in Waitress.</summary>
public sealed class SmallLimits() : ServerFixture("suite:app", "--max-request-header-size=4096", "--max-request-body-size=1000");

public sealed class LimitTests(SmallLimits small) : IClassFixture<SmallLimits>
{
    [Fact]
    public async Task RequestLine_OverTheLimit_Is414()
    {
        using var client = await small.ConnectAsync();
        await client.SendAsync("GET /" + new string('a', 8000) + " HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 414);
    }

    [Fact]
    public async Task RequestLine_WithoutEnd_Is414()
    {
        using var client = await small.ConnectAsync();
        await client.SendAsync("GET /" + new string('a', 100_000));
        await Expected.RefusedAsync(client, 414);
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(9000)]
    public async Task Head_AtOrOverTheLimit_Is431(int size)
    {
        using var client = await small.ConnectAsync();
        await client.SendAsync(Head(size));
        await Expected.RefusedAsync(client, 431);
    }

    [Fact]
    public async Task Head_BelowTheLimit_IsServed()
    {
        using var client = await small.ConnectAsync();
        Assert.Equal(200, (await client.RequestAsync(Head(4095))).Status);
    }

    [Fact]
    public async Task Headers_WithoutEnd_Are431()
    {
        using var client = await small.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n" + string.Concat(Enumerable.Repeat("X-A: 1\r\n", 20_000)));
        await Expected.RefusedAsync(client, 431);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Expect: 100-continue\r\n")]
    public async Task ContentLength_AtTheLimit_Is413BeforeTheBodyIsSent(string expect)
    {
        using var client = await small.ConnectAsync();
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\n{expect}Content-Length: 1000\r\n\r\n");
        await Expected.RefusedAsync(client, 413);
    }

    [Fact]
    public async Task ContentLength_BelowTheLimit_IsServed()
    {
        using var client = await small.ConnectAsync();
        var body = new string('x', 999);
        var response = await client.RequestAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 999\r\n\r\n{body}");
        Assert.Equal((200, 999), (response.Status, response.Json().GetProperty("length").GetInt32()));
    }

    [Theory]
    [InlineData(Segmentation.Whole)]
    [InlineData(Segmentation.Lines)]
    public async Task ChunkedBody_OverTheLimit_Is413AndTheAppIsNotCalled(Segmentation segmentation)
    {
        using var client = await small.ConnectAsync();
        var name = Pattern.Name();
        var chunk = "64\r\n" + new string('x', 100) + "\r\n";
        await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
            + string.Concat(Enumerable.Repeat(chunk, 20)), segmentation);
        await Expected.RefusedAsync(client, 413);
        Assert.False(small.Log.HasMark("called " + name));
    }

    private static string Head(int size)
    {
        const string Rest = "GET /hello HTTP/1.1\r\nHost: test\r\nX-Fill: \r\n\r\n";
        return Rest.Replace("X-Fill: ", "X-Fill: " + new string('a', size - Rest.Length), StringComparison.Ordinal);
    }
}

/// <summary>Default limits are wide: what browsers and proxies send passes.</summary>
public sealed class DefaultLimitTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Fact]
    public async Task Target_Of100Kilobytes_ReachesTheApp()
    {
        using var client = await suite.ConnectAsync();
        var query = new string('q', 100_000);
        var response = await client.GetAsync("/environ?" + query);
        Assert.Equal(query, response.Json().GetProperty("QUERY_STRING")[1].GetString());
    }

    [Fact]
    public async Task Headers_FiveThousand_ReachTheApp()
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync("/environ", string.Concat(Enumerable.Range(0, 5000).Select(index => $"X-H{index}: {index}\r\n")));
        Assert.Equal("4999", response.Json().GetProperty("HTTP_X_H4999")[1].GetString());
    }

    [Fact]
    public async Task Head_OverTheDefault_Is431()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\nX-A: " + new string('a', 300_000) + "\r\n\r\n");
        await Expected.RefusedAsync(client, 431);
    }

    [Theory]
    [InlineData("1073741824")]
    [InlineData("9223372036854775807")]
    public async Task ContentLength_OfTheDefaultLimitAndMore_Is413AtOnce(string length)
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
        await Expected.RefusedAsync(client, 413);
    }
}
