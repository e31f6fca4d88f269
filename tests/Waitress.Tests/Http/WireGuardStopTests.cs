namespace Waitress.Tests.Http;

/// <summary>What a stop leaves to connections that are open.</summary>
public sealed class WireGuardStopTests
{
    [Fact]
    public async Task Stop_IdleConnection_IsClosedSoon()
    {
        await using var server = await WireServer.StartAsync();
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        await client.ReadUntilAsync("GET / ");
        var stop = server.StopAsync();
        Assert.Equal("", await client.ReadToEndAsync());
        await stop;
    }

    [Fact]
    public async Task Stop_BetweenAnAnswerAndTheEndOfItsExchange_LeavesTheNextRequestItsGrace()
    {
        var clock = new ManualTime();
        await using var server = await WireServer.StartAsync(clock: clock);
        using var idle = await server.ConnectAsync();
        await idle.SendAsync("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
        await idle.ReadUntilAsync("GET /idle ");
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.AfterAnswer = () => hold.Task;
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
        Assert.DoesNotContain("Connection: close", await client.ReadUntilAsync("GET /first "), StringComparison.Ordinal);
        var timers = clock.Timers;
        _ = server.RetireAsync();
        Assert.True(SpinWait.SpinUntil(() => clock.Timers > timers, TimeSpan.FromSeconds(20))); // The idle one has been told, and so the other.
        hold.SetResult();
        await client.SendAsync("GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
        var answer = await client.ReadToEndAsync();
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        Assert.EndsWith("GET /second ", answer, StringComparison.Ordinal);
    }
}
