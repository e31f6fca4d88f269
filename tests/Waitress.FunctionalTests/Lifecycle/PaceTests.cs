using System.Diagnostics;
using System.Text;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>
/// channel_timeout is for clients with whom nothing moves; one who moves slowly keeps its connection. Waits in real time here are the
/// server's own timeouts and the client's own pace: no event tells of them.
/// </summary>
public sealed class PaceTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reader_SlowButSteadyForLongerThanTheChannelTimeout_GetsItAll(bool unix)
    {
        // Far more than the kernel (tcp_wmem: 4 MB) and outbuf_overflow together take.
        const int Size = 16 << 20;
        string[] options = ["--channel-timeout=4", "--outbuf-overflow=4000000"];
        using var folder = new TemporaryFolder();
        await using var server = unix
            ? await PythonServer.StartOnAsync(folder.File("s"), "suite:app", options)
            : await PythonServer.StartAsync("suite:app", options);
        using var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 65536);
        await client.SendAsync($"GET /big?size={Size}&length HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        using var received = new MemoryStream();

        // 200 KiB/s for 9 s: less than half of outbuf_overflow, at which the server's wait ends, and more than two channel_timeouts.
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(9);)
        {
            received.Write(await client.ReceiveBytesAsync(20 << 10));
            await Task.Delay(100);
        }

        Assert.InRange(received.Length, 1, Size / 2); // Most of it was still to come.
        received.Write(await client.ReceiveToEndAsync());
        var all = received.ToArray();
        var body = all.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", Encoding.Latin1.GetString(all, 0, body), StringComparison.Ordinal);
        Assert.Equal(Size, all.Length - body);
        Assert.Equal(Pattern.Digest(Pattern.Bytes(Size)), Pattern.Digest(all[body..]));
    }

    /// <summary>8 MB are more than the kernel takes (tcp_wmem: 4 MB), so the rest waits in the file, or in memory when the limit allows.</summary>
    [Theory]
    [InlineData(1_000_000)]
    [InlineData(16_000_000)]
    public async Task Readers_WhoTakeNothingOfAFinishedAnswer_GiveTheirPlacesUp(int overflow)
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--channel-timeout=1", "--connection-limit=2", $"--outbuf-overflow={overflow}"]);
        List<RawClient> silent = [];
        var watch = Stopwatch.StartNew();
        for (var index = 0; index < 2; index++)
        {
            var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 4096);
            silent.Add(client);
            await client.SendAsync("GET /one-big?size=8000000 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        }

        await server.Log.WaitForLog("Connection limit reached");
        await server.AssertServesAsync();
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 20); // The places were taken until the timeout.
        silent.ForEach(client => client.Dispose());
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Upload_WithoutPauseForLongerThanTheChannelTimeoutAfterAPause_IsServed()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--channel-timeout=1"]);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
        await Task.Delay(200); // The server's wait for the next byte begins.

        // Small chunks take the server longer to read than us to send, so that it never waits again.
        var chunks = Encoding.Latin1.GetBytes(string.Concat(Enumerable.Repeat("10\r\n0123456789abcdef\r\n", 3000)));
        var sent = 1;
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(2.5);)
        {
            Assert.True(await client.SendAsync(chunks), "The server closed");
            sent += 3000 * 16;
        }

        await client.SendAsync("0\r\n\r\n");
        var response = await client.ReceiveAsync("POST");
        Assert.Equal(200, response.Status);
        Assert.Equal(sent, response.Json().GetProperty("length").GetInt32());
    }

    [Fact]
    public async Task Head_NotFinishedWithinTheChannelTimeout_IsRefused()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--channel-timeout=2"]);
        using var client = await server.ConnectAsync();
        var watch = Stopwatch.StartNew();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: te");
        await Expected.RefusedAsync(client, 408);
        Assert.InRange(watch.Elapsed.TotalSeconds, 1.5, 10);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task ConnectionLimit_OfTheLargestNumber_Serves()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--connection-limit=2147483647"]);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }
}
