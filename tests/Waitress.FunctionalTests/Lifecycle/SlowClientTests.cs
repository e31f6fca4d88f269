using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>Watermarks far below the response, so that a reader who stops is felt at once.</summary>
public sealed class LowWatermark() : ServerFixture("suite:app", "--outbuf-overflow=100000", "--outbuf-high-watermark=1000000", "--threads=2");

public sealed class SlowClientTests(LowWatermark low) : IClassFixture<LowWatermark>
{
    // What the two sockets' buffers may take on top of the watermark; the response is far larger.
    private const int Size = 100_000_000;
    private const int MostAhead = 30_000_000;

    [Fact]
    public async Task Reader_WhoStops_PausesItsProducerWhileOthersAreServed()
    {
        var name = Pattern.Name();
        using var slow = await RawClient.ConnectAsync(low.Server.EndPoint, receiveBuffer: 65536);
        await slow.SendAsync($"GET /big?size={Size}&length&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Deadline.Until(() => slow.Waiting > 0, "the response begins");
        using var other = await low.ConnectAsync();
        for (var turn = 0; turn < 300; turn++)
        {
            Assert.Equal(Expected.Hello, (await other.GetAsync("/hello")).Text);
        }

        var produced = int.Parse((await other.GetAsync("/progress?name=" + name)).Text, CultureInfo.InvariantCulture);
        Assert.InRange(produced, 1, MostAhead);
        var response = await slow.ReceiveAsync();
        Assert.Equal(Pattern.Digest(Pattern.Bytes(Size)), Pattern.Digest(response.Body));
        await low.Log.WaitForMark($"closed {name} 1");
        Assert.Equal(Expected.Hello, (await slow.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Readers_Slow_BelowTheWatermark_HoldNoThread()
    {
        List<RawClient> slow = [];
        for (var index = 0; index < 8; index++)
        {
            var client = await RawClient.ConnectAsync(low.Server.EndPoint, receiveBuffer: 4096);
            slow.Add(client);
            await client.SendAsync("GET /one-big?size=900000 HTTP/1.1\r\nHost: test\r\n\r\n");
        }

        await low.Server.AssertServesAsync();
        foreach (var client in slow)
        {
            Assert.Equal(900_000, (await client.ReceiveAsync()).Body.Length);
            client.Dispose();
        }
    }
}

public sealed class TimeoutTests
{
    [Theory]
    [InlineData("")]
    [InlineData("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n")]
    public async Task Connection_IdleForTheChannelTimeout_IsClosed(string before)
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--channel-timeout=2", "--cleanup-interval=1"]);
        using var client = await server.ConnectAsync();
        if (before.Length > 0)
        {
            Assert.Equal(200, (await client.RequestAsync(before)).Status);
        }

        await client.AssertClosedAsync();
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task App_SlowerThanTheChannelTimeout_IsNotCut()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--channel-timeout=2", "--cleanup-interval=1"]);
        using var busy = await server.ConnectAsync();
        await busy.SendAsync($"GET /wait?{gate.Query("busy")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered busy");
        using var idle = await server.ConnectAsync();
        Assert.Equal(200, (await idle.GetAsync("/hello")).Status);
        await idle.AssertClosedAsync(); // So the timeout has passed for one that began later.
        gate.Open();
        Assert.Equal("waited busy", (await busy.ReceiveAsync()).Text);
    }

    [Fact]
    public async Task Connections_AtTheLimit_WaitAndNoneIsRefused()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--connection-limit=3"]);
        List<RawClient> held = [];
        for (var index = 0; index < 3; index++)
        {
            var client = await server.ConnectAsync();
            held.Add(client);
            Assert.Equal(200, (await client.GetAsync("/hello")).Status);
        }

        using var waiting = await server.ConnectAsync();
        await waiting.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        for (var turn = 0; turn < 50; turn++)
        {
            Assert.Equal(200, (await held[turn % 3].GetAsync("/hello")).Status);
        }

        Assert.Equal(0, waiting.Waiting);
        held[0].Dispose();
        Assert.Equal(Expected.Hello, (await waiting.ReceiveAsync()).Text);
        held.ForEach(client => client.Dispose());
    }
}
