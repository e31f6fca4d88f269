using System.Globalization;
using System.Text;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>From the app's messages to the wire.</summary>
public sealed class AsgiResponseTests(AsgiServer server) : IClassFixture<AsgiServer>
{
    [Fact]
    public async Task Head_HelloRequested_HasTheLengthAndNoBody()
    {
        using var client = await server.ConnectAsync();
        var answer = await client.RequestAsync("HEAD /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal((200, "14", ""), (answer.Status, answer.Header("Content-Length"), answer.Text));
        Assert.Equal(200, (await client.RequestAsync("HEAD /stream HTTP/1.1\r\nHost: test\r\n\r\n")).Status);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    public async Task Status_WithoutBody_HasNoneWhateverTheAppGives(int code)
    {
        using var client = await server.ConnectAsync();
        var answer = await client.GetAsync($"/status?code={code}");
        Assert.Equal((code, "", "yes"), (answer.Status, answer.Text, answer.Header("X-Seen")));
        await server.Log.WaitForLog($"may not contain a message-body: ({code})");
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Body_InOneMessage_HasALengthAndOneInPartsIsChunked()
    {
        using var client = await server.ConnectAsync();
        Assert.Equal(Framing.Length, (await client.GetAsync("/status?code=200")).Framing);
        Assert.Equal(Framing.Chunked, (await client.GetAsync("/stream")).Framing);
        Assert.Equal(Framing.Close, (await client.RequestAsync("GET /stream HTTP/1.0\r\n\r\n")).Framing);
    }

    [Theory]
    [InlineData("", "5\r\nfirst\r\n")]
    [InlineData("&empty", "")]
    public async Task Part_BeforeAPause_LeavesAtOnce(string query, string part)
    {
        using var gate = new Gate();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /first?{gate.Query(Pattern.Name())}{query} HTTP/1.1\r\nHost: test\r\n\r\n");
        await client.ReceiveHeadAsync();
        Assert.Equal(part, Encoding.Latin1.GetString(await client.ReceiveBytesAsync(part.Length)));
        gate.Open();
        Assert.Equal("6\r\nsecond\r\n0\r\n\r\n"u8.ToArray(), await client.ReceiveBytesAsync(16));
    }

    [Theory]
    [InlineData("")]
    [InlineData("&length")]
    [InlineData("&block=100000")]
    [InlineData("&block=100000&length")]
    public async Task Body_OfAnySize_IsWhole(string how)
    {
        using var client = await server.ConnectAsync();
        foreach (var size in new[] { 100_000, 3_000_000 })
        {
            var answer = await client.GetAsync($"/big?size={size}{how}&name=whole");
            Assert.Equal(Pattern.Digest(Pattern.Bytes(size)), Pattern.Digest(answer.Body));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("&block=65536")]
    public async Task Reader_ThatIsSlow_HasSendWaitAndMemoryStaySmall(string how)
    {
        var name = Pattern.Name();
        const int Size = 300_000_000 / 65_536 * 65_536;
        var before = await AskAsync("/rss");
        using var client = await RawClient.ConnectAsync(server.Server.EndPoint, receiveBuffer: 4096);
        await client.SendAsync($"GET /big?size={(how.Length == 0 ? 30_000_000 : Size)}{how}&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await client.ReceiveBytesAsync(1_000);
        // As far as it gets: the same count twice in a row, while other requests are served.
        var count = -1L;
        await Deadline.Until(
            async () =>
            {
                var now = await AskAsync("/sent?name=" + name);
                for (var turn = 0; turn < 20; turn++)
                    now = Math.Max(now, await AskAsync("/sent?name=" + name));
                var same = now == count;
                count = now;
                return same;
            },
            "send waits");
        Assert.InRange(count, 0, 20_000_000);
        Assert.False(server.Log.HasMark($"sent {name} {Size}"));
        var more = (await AskAsync("/rss")) - before;
        Assert.InRange(more, long.MinValue, 120_000); // KiB; the one message of 30 MB is the app's own.
        client.Abort();
        await server.Log.WaitForMark($"oserror {name} True");
        await server.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData("close", "close")]
    [InlineData("keep-alive", null)]
    public async Task Header_OfTheConnection_IsTheServersExceptClose(string value, string? seen)
    {
        using var client = await server.ConnectAsync();
        var answer = await client.GetAsync("/connection-header?value=" + value);
        Assert.Equal(("ok", Framing.Length, seen), (answer.Text, answer.Framing, answer.Header("Connection")));
        Assert.Null(answer.Header("Keep-Alive"));
        Assert.Equal(Framing.Length, answer.Framing);
        if (seen is not null)
            await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Bytes_BeyondTheLength_AreCutOffAndLogged()
    {
        using var client = await server.ConnectAsync();
        Assert.Equal("xxx", (await client.GetAsync("/length?says=3&gives=5")).Text);
        await server.Log.WaitForLog("exceeded the number of bytes");
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Bytes_TooFew_CutTheConnection()
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /length?says=5&gives=3 HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.CutAsync(client);
        await server.Log.WaitForLog("too few bytes");
    }

    [Theory]
    [InlineData("")]
    [InlineData("&length")]
    public async Task Path_Sent_IsTheFile(string length)
    {
        using var folder = new TemporaryFolder();
        var data = Pattern.Bytes(2_000_000);
        await File.WriteAllBytesAsync(folder.File("f"), data);
        using var client = await server.ConnectAsync();
        var answer = await client.GetAsync($"/path?path={Uri.EscapeDataString(folder.File("f"))}{length}");
        Assert.Equal((data.Length.ToString(CultureInfo.InvariantCulture), Pattern.Digest(data)), (answer.Header("Content-Length"), Pattern.Digest(answer.Body)));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Path_OfNothing_IsAnOSErrorForTheApp()
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        Assert.Equal("no such file", (await client.GetAsync("/path?path=/nowhere/at/all&name=" + name)).Text);
        await server.Log.WaitForMark("FileNotFoundError " + name);
    }

    [Fact]
    public async Task Trailers_OverHttp11_AreLeftOut()
    {
        using var client = await server.ConnectAsync();
        var answer = await client.GetAsync("/trailers");
        Assert.Equal(("summed", Framing.Chunked), (answer.Text, answer.Framing));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    private async Task<long> AskAsync(string target)
    {
        using var client = await server.ConnectAsync();
        return long.Parse((await client.GetAsync(target)).Text, CultureInfo.InvariantCulture);
    }
}
