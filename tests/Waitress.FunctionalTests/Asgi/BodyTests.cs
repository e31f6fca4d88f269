using System.Text;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>Request bodies, which an ASGI app reads as they arrive.</summary>
public sealed class AsgiBodyTests(AsgiServer server) : IClassFixture<AsgiServer>
{
    [Theory]
    [InlineData(Segmentation.Whole)]
    [InlineData(Segmentation.Bytes)]
    [InlineData(Segmentation.Lines)]
    public async Task Body_InAnySegmentation_ArrivesWhole(Segmentation segmentation)
    {
        var body = Encoding.Latin1.GetString(Pattern.Bytes(600));
        using var client = await server.ConnectAsync();
        var answer = await client.RequestAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 600\r\n\r\n{body}", segmentation);
        Assert.Equal(Pattern.Digest(body), answer.Json().GetProperty("sha256").GetString());
        answer = await client.RequestAsync(
            $"POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{body[..100]}\r\n1F4;x=y\r\n{body[100..]}\r\n0\r\n\r\n", segmentation);
        Assert.Equal(Pattern.Digest(body), answer.Json().GetProperty("sha256").GetString());
    }

    [Theory]
    [InlineData("Content-Length: 0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    public async Task Body_Empty_IsOneEmptyMessage(string rest)
    {
        using var client = await server.ConnectAsync();
        var seen = (await client.RequestAsync($"POST /digest HTTP/1.1\r\nHost: test\r\n{rest}")).Json();
        Assert.Equal((0, 1), (seen.GetProperty("length").GetInt32(), seen.GetProperty("messages").GetInt32()));
    }

    [Fact]
    public async Task Body_Large_ComesInMessagesOfBoundedSize()
    {
        var body = Pattern.Bytes(20_000_000);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
        await client.SendAsync(body);
        var seen = (await client.ReceiveAsync()).Json();
        Assert.Equal(Pattern.Digest(body), seen.GetProperty("sha256").GetString());
        Assert.InRange(seen.GetProperty("largest").GetInt32(), 1, 262_144);
    }

    [Fact]
    public async Task Body_WhileItIsAnswered_GoesBothWays()
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (var turn = 1; turn <= 20; turn++)
        {
            // Each block is answered before the next one is sent.
            var block = Pattern.Bytes(turn * 500);
            await client.SendAsync(Encoding.ASCII.GetBytes($"{block.Length:x}\r\n").Concat(block).Concat("\r\n"u8.ToArray()).ToArray());
            if (turn == 1)
                Assert.Contains("chunked", await client.ReceiveHeadAsync(), StringComparison.Ordinal);
            var seen = new List<byte>();
            while (seen.Count < block.Length)
            {
                var size = "";
                while (!size.EndsWith("\r\n", StringComparison.Ordinal))
                    size += (char)(await client.ReceiveBytesAsync(1))[0];
                seen.AddRange(await client.ReceiveBytesAsync(Convert.ToInt32(size.TrimEnd(), 16)));
                await client.ReceiveBytesAsync(2);
            }

            Assert.Equal(Pattern.Digest(block), Pattern.Digest([.. seen]));
        }

        await client.SendAsync("0\r\n\r\n");
        Assert.Equal("0\r\n\r\n"u8.ToArray(), await client.ReceiveBytesAsync(5));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Body_Expected_IsAskedForWhenTheAppReads()
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), await client.ReceiveBytesAsync(25));
        await client.SendAsync("abc");
        Assert.Equal(3, (await client.ReceiveAsync()).Json().GetProperty("length").GetInt32());
    }

    [Fact]
    public async Task Body_ThatTheAppDoesNotRead_IsDroppedAndTheConnectionGoesOn()
    {
        using var client = await server.ConnectAsync();
        var answer = await client.RequestAsync("POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
        Assert.Equal("unread", answer.Text);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX")]
    public async Task Body_WithBrokenChunks_Is400AndTheAppIsTold(string rest)
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\n{rest}");
        await Expected.RefusedAsync(client, 400);
        await server.Log.WaitForMark("cut " + name);
        await server.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Body_ThatBreaksOff_IsADisconnectForTheApp(bool reset)
    {
        var name = Pattern.Name();
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nonly a part");

            // A reset that overtakes the request takes it away unread, and the app never hears of it.
            await server.Log.WaitForMark("begun " + name);
            if (reset)
                client.Abort();
            else
                client.FinishSending();
            await server.Log.WaitForMark("cut " + name);
        }

        await server.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Body_TooLargeOrStalled_IsRefused()
    {
        await using var strict = await PythonServer.StartAsync("asgi_suite:app", ["--max-request-body-size=1000", "--channel-timeout=1"]);
        using (var client = await strict.ConnectAsync())
        {
            await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n");
            await Expected.RefusedAsync(client, 413);
        }

        using (var client = await strict.ConnectAsync())
        {
            await client.SendAsync("POST /digest?name=much HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n" + new string('x', 1000) + "\r\n");
            Expected.Refusal(await client.ReceiveAsync(), 413);
            await strict.Log.WaitForMark("cut much");
        }

        using (var client = await strict.ConnectAsync())
        {
            await client.SendAsync("POST /digest?name=stalled HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf");
            Expected.Refusal(await client.ReceiveAsync(), 408);
            await strict.Log.WaitForMark("cut stalled");
        }

        await strict.AssertServesAsync();
        Assert.Equal(0, await strict.StopAsync());
    }
}
