using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What an app's task does beyond its answer, and how long it may take.</summary>
public sealed class AsgiTaskTests
{
    [Fact]
    public async Task Work_AfterTheAnswer_GoesOnWhileTheConnectionServes()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app");
        using var gate = new Gate();
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        Assert.Equal("answered", (await client.GetAsync("/background?" + gate.Query(name))).Text);
        await server.Log.WaitForMark("entered " + name);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        Assert.False(server.Log.HasMark("left " + name));

        // The stop waits for it.
        server.Process.Signal(PythonProcess.Sigterm);
        await server.Log.WaitForLog("finishing the requests in flight");
        gate.Open();
        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.True(server.Log.HasMark("left " + name));
    }

    [Fact]
    public async Task Request_OverItsTime_Is504WithItsStackAndItsTaskIsCancelled()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--request-timeout=0.3"]);
        var name = Pattern.Name();
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync($"GET /sleep?stubborn&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await Expected.RefusedAsync(client, 504);
        }

        await server.Log.WaitForMark("cancelled " + name);
        await server.Log.WaitForLog("GET /sleep took longer than request_timeout (0.3 s)");
        await server.Log.WaitForLog("in sleeping_in_the_app");
        await server.Log.WaitForMark("ClientDisconnected " + name);
        await server.AssertServesAsync();
        using (var gate = new Gate())
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync($"GET /first?{gate.Query(Pattern.Name())} HTTP/1.1\r\nHost: test\r\n\r\n");
            await Expected.CutAsync(client);
            gate.Open();
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("Exception while serving", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Requests_AboveTheLimit_Get503AndLaterOnesAreServed()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--limit-concurrency=2"]);
        using var gate = new Gate();
        using var first = await server.ConnectAsync();
        using var second = await server.ConnectAsync();
        foreach (var client in new[] { first, second })
        {
            var name = Pattern.Name();
            await client.SendAsync($"GET /gate?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
            await server.Log.WaitForMark("entered " + name);
        }

        using (var third = await server.ConnectAsync())
        {
            var answer = await third.GetAsync("/hello");
            Expected.Refusal(answer, 503);
            Assert.NotNull(answer.Header("Retry-After"));
        }

        gate.Open();
        Assert.StartsWith("waited", (await first.ReceiveAsync()).Text, StringComparison.Ordinal);
        Assert.StartsWith("waited", (await second.ReceiveAsync()).Text, StringComparison.Ordinal);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Loop_ThatIsBlocked_IsToldWithTheFunctionThatBlocks()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--loop-stall=0.2"]);
        using var client = await server.ConnectAsync();
        Assert.Equal("blocked", (await client.GetAsync("/block?seconds=1.5")).Text);
        await server.Log.WaitForLog("The event loop has not turned for");
        await server.Log.WaitForLog("in blocking_in_the_app");
        Assert.Single(server.Log.Lines, line => line.Contains("The event loop has not turned", StringComparison.Ordinal));
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>No request is in the app's hands, and the one that waits has not been read, since the loop reads itself.</summary>
    [Fact]
    public async Task Loop_ThatATaskOfTheAppBlocks_IsToldAsSoonAsAClientWaits()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--loop-stall=0.2"]);
        using var client = await server.ConnectAsync();
        Assert.Equal("later", (await client.GetAsync("/block-later?seconds=2")).Text);
        await server.Log.WaitForMark("blocks now");
        using var other = await server.ConnectAsync();
        Assert.Equal(Expected.Hello, (await other.GetAsync("/hello")).Text);
        await server.Log.WaitForLog("in blocking_in_the_app");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Connection_IdleForTooLong_IsClosed()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--timeout-keep-alive=1"]);
        using var client = await server.ConnectAsync();
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        await client.AssertClosedAsync();
        Assert.Equal(0, await server.StopAsync());
    }
}
