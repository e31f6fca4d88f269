using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

/// <summary>queue_timeout and backlog_limit, with threads that a gate holds in C code.</summary>
public sealed class QueueLimitTests
{
    private static async Task<RawClient> HeldAsync(PythonServer server, Gate gate)
    {
        var name = Pattern.Name();
        var client = await server.ConnectAsync();
        await client.SendAsync($"GET /stuck?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered " + name);
        return client;
    }

    [Fact]
    public async Task Request_ThatWaitsTooLong_Is503WithRetryAfterThoughNoThreadIsFree()
    {
        await using var server = await PythonServer.StartAsync("limits:app", ["--threads=1", "--queue-timeout=0.3"]);
        using var gate = new Gate();
        using var held = await HeldAsync(server, gate);
        List<RawClient> late = [];
        for (var i = 0; i < 3; i++)
        {
            late.Add(await server.ConnectAsync());
            await late[^1].SendAsync("GET /spin?name=never HTTP/1.1\r\nHost: test\r\n\r\n");
        }

        foreach (var client in late)
        {
            var answer = await client.ReceiveAsync();
            Expected.Refusal(answer, 503);
            Assert.Equal("1", answer.Header("Retry-After"));
            client.Dispose();
        }

        await server.Log.WaitForLog("waited for a thread for longer than queue_timeout (0.3 s) and got 503");
        gate.Open();
        Assert.Equal("nobody reads this", (await held.ReceiveAsync()).Text);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("MARK finally never", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Request_BeyondTheBacklog_Is503AtOnce()
    {
        await using var server = await PythonServer.StartAsync("limits:app", ["--threads=1", "--backlog-limit=2"]);
        using var gate = new Gate();
        using var held = await HeldAsync(server, gate);
        using var first = await server.ConnectAsync();
        using var second = await server.ConnectAsync();
        await first.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        await second.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForLog("Task queue depth is 2");
        using var third = await server.ConnectAsync();
        var answer = await third.GetAsync("/hello");
        Expected.Refusal(answer, 503);
        Assert.Equal("1", answer.Header("Retry-After"));
        await server.Log.WaitForLog("1 request(s) got 503: as many as backlog_limit (2) were waiting");
        gate.Open();
        Assert.Equal("nobody reads this", (await held.ReceiveAsync()).Text);
        Assert.Equal(Expected.Hello, (await first.ReceiveAsync()).Text);
        Assert.Equal(Expected.Hello, (await second.ReceiveAsync()).Text);
        Assert.Equal(0, await server.StopAsync());
    }
}
