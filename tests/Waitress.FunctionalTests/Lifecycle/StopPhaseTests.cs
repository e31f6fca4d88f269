using System.Diagnostics;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>A stop that meets a request in the middle of its body or of its answer.</summary>
public sealed class StopPhaseTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Signal_InTheMiddleOfABody_WaitsForTheRestAndServes(bool asynchronous)
    {
        await using var server = await PythonServer.StartAsync("suite:app", [$"--asynchronous={asynchronous}"]);
        using var sized = await server.ConnectAsync();
        using var chunked = await server.ConnectAsync();
        await sized.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
        await chunked.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
        await server.AssertServesAsync();
        server.Process.Signal(PythonProcess.Sigterm);
        await Deadline.Until(() => StopTests.RefusesAsync(server), "new connections are refused");
        await sized.SendAsync("67890");
        await chunked.SendAsync("5\r\n67890\r\n0\r\n\r\n");
        foreach (var client in new[] { sized, chunked })
        {
            var response = await client.ReceiveAsync("POST");
            Assert.Equal(Pattern.Digest("1234567890"), response.Json().GetProperty("sha256").GetString());
            Assert.True(response.CloseAnnounced);
            await client.AssertClosedAsync();
        }

        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Fact]
    public async Task Signal_WhileASlowReaderTakesAnAnswer_SendsItWhole()
    {
        const int Size = 16_000_000; // Far more than the kernel takes (tcp_wmem: 4 MB), so the server can't be done before the client reads.
        await using var server = await PythonServer.StartAsync("suite:app");
        using var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 4096);
        await client.SendAsync($"GET /big?size={Size}&length HTTP/1.1\r\nHost: test\r\n\r\n");
        await Deadline.Until(() => client.Waiting > 0, "the answer has begun");
        server.Process.Signal(PythonProcess.Sigterm);
        await server.Log.WaitForLog("SIGTERM: finishing");
        Assert.False(server.Process.HasExited);
        Assert.Equal(Pattern.Digest(Pattern.Bytes(Size)), Pattern.Digest((await client.ReceiveAsync()).Body));
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Theory]
    [InlineData("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")]
    [InlineData("GET /big?size=8000000&length HTTP/1.1\r\nHost: test\r\n\r\n")]
    public async Task GracefulTimeout_WithAClientThatDoesNotGoOn_ClosesItWithOneLineInTheLog(string request)
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--graceful-timeout=1"]);
        using var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 4096);
        await client.SendAsync(request);
        await Deadline.Until(() => client.Waiting > 0, "the request is in flight: its answer, or the 100 before it, begins");
        var watch = Stopwatch.StartNew();
        server.Process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 30);
        Assert.Equal(
            ["INFO:waitress:SIGTERM: finishing the requests in flight; a second signal ends at once",
             "WARNING:waitress:1 request(s) were still running after graceful_timeout (1 s); their connections were closed"],
            server.Log.Entries().SkipWhile(line => !line.Contains("SIGTERM", StringComparison.Ordinal)));
    }
}
