using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>--asynchronous=false: the app has the request as soon as its head is in, and writes straight to the client.</summary>
public sealed class SynchronousServer() : ServerFixture("suite:app", "--asynchronous=false");

public sealed class StreamedInputTests(SynchronousServer synchronous) : IClassFixture<SynchronousServer>
{
    [Theory]
    [InlineData("Content-Length: 30000\r\n\r\n", "", "", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n", "2710\r\n", "\r\n", "0\r\n\r\n")]
    public async Task App_BeforeTheBodyIsThere_HasTheRequestAndReadsAsItArrives(string framing, string before, string after, string end)
    {
        using var client = await synchronous.ConnectAsync();
        var name = Pattern.Name();
        var body = Pattern.Bytes(30_000);
        await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\n{framing}");
        await synchronous.Log.WaitForMark("called " + name);
        for (var at = 0; at < body.Length; at += 10_000)
        {
            await client.SendAsync(before);
            await client.SendAsync(body.AsMemory(at, 10_000));
            await client.SendAsync(after);
            await synchronous.Log.WaitForMark("reading " + name);
        }

        await client.SendAsync(end);
        Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Upload_OfAnySize_IsStreamed()
    {
        using var client = await synchronous.ConnectAsync();
        const int Size = 50_000_000;
        var body = Pattern.Bytes(Size);
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {Size}\r\n\r\n");
        await client.SendAsync(body);
        var seen = (await client.ReceiveAsync()).Json();
        Assert.Equal((Size, Pattern.Digest(body)), (seen.GetProperty("length").GetInt32(), seen.GetProperty("sha256").GetString()));
    }

    [Fact]
    public async Task Body_NotReadByTheApp_DoesNotBecomeTheNextRequest()
    {
        using var client = await synchronous.ConnectAsync();
        var smuggled = "GET /status?status=418%20Teapot HTTP/1.1\r\nHost: test\r\n\r\n";
        await client.SendAsync($"POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: {smuggled.Length}\r\n\r\n{smuggled}");
        var response = await client.ReceiveAsync();
        Assert.Equal("unread", response.Text);
        if (response.CloseAnnounced)
        {
            await client.AssertClosedAsync();
        }
        else
        {
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        }
    }

    [Fact]
    public async Task Client_LeavingInTheBody_EndsTheRead()
    {
        var name = Pattern.Name();
        using (var client = await synchronous.ConnectAsync())
        {
            await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\npart");
            await synchronous.Log.WaitForMark("called " + name);
            client.Abort();
        }

        // More leavers than threads: a read that never ended would hold them all.
        for (var turn = 0; turn < 5; turn++)
        {
            var next = Pattern.Name();
            using var client = await synchronous.ConnectAsync();
            await client.SendAsync($"POST /digest?name={next} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\npart");
            await synchronous.Log.WaitForMark("called " + next);
            client.Abort();
        }

        await synchronous.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData("zz\r\nabc\r\n0\r\n\r\n")]
    [InlineData("3\r\nabcd\r\n0\r\n\r\n")]
    public async Task Chunks_Malformed_EndTheConnectionAndNothingBehindIsServed(string body)
    {
        using var client = await synchronous.ConnectAsync();
        var behind = Pattern.Name();
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            + $"GET /digest?name={behind} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Contains((await client.ReceiveAsync()).Status, (int[])[400, 500]);
        await client.AssertClosedAsync();
        Assert.False(synchronous.Log.HasMark("called " + behind));
        await synchronous.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Items_AreSentAsTheyAreGiven()
    {
        using var gate = new Gate();
        using var client = await synchronous.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync($"GET /wait/first?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await synchronous.Log.WaitForMark("entered " + name);
        await Deadline.Until(() => client.Waiting > 100, "the first item arrives while the app waits");
        gate.Open();
        Assert.Equal("firstsecond", (await client.ReceiveAsync()).Text);
    }

    [Theory]
    [InlineData("/big?size=20000000&length")]
    [InlineData("/big?size=20000000")]
    [InlineData("/file?size=20000000&kind=real")]
    public async Task Response_Large_IsWhole(string target)
    {
        using var client = await synchronous.ConnectAsync();
        Assert.Equal(Pattern.Digest(Pattern.Bytes(20_000_000)), Pattern.Digest((await client.GetAsync(target)).Body));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Body_OverTheLimit_Is413AtOnce()
    {
        using var client = await synchronous.ConnectAsync();
        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 1073741824\r\n\r\n");
        await Expected.RefusedAsync(client, 413);
    }
}
