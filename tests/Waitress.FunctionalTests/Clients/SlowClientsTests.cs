using System.Diagnostics;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Clients;

/// <summary>Limits of time that slow clients reach within a test.</summary>
public sealed class ImpatientServer() : ServerFixture("suite:app", "--header-timeout=6", "--channel-timeout=5");

/// <summary>
/// The four attacks of slowhttptest with some hundred connections each. All the while an ordinary client must get every answer, right and in
/// bounded time; and the attack must have been one, by its own count.
/// </summary>
public sealed class SlowClientsTests(ImpatientServer impatient) : IClassFixture<ImpatientServer>
{
    private const int Attackers = 300;

    // Far above what an answer takes on a loaded machine, far below the attack's length times its connections.
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task SlowHeaders_NormalClientsAreServedAndTheHeadsEndIn408()
    {
        Assert.InRange(await AttackAsync("/hello", Attackers, "-H", "-i", "1", "-x", "8"), Attackers / 2, Attackers);
        await impatient.Log.WaitForLog("with 408: Reading the request headers timed out");
    }

    [Fact]
    public async Task SlowBodies_NormalClientsAreServedAndTheBodiesEndIn408()
    {
        Assert.InRange(await AttackAsync("/digest", Attackers, "-B", "-i", "1", "-x", "4", "-s", "8192"), Attackers / 2, Attackers);
        await impatient.Log.WaitForLog("with 408: The request did not arrive in time");
    }

    [Fact]
    public async Task RangeHeaders_NormalClientsAreServed()
    {
        // Each is answered at once, so they come one after the other: that takes the attack as long as the others.
        var seen = await AttackAsync("/hello", 40, "-R", "-t", "HEAD", "-a", "1", "-b", "3000");
        Assert.InRange(seen, 20, Attackers);
    }

    [Fact]
    public async Task SlowReaders_NormalClientsAreServed() => Assert.InRange(
        await AttackAsync("/one-big?size=300000", Attackers, "-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "3"), Attackers / 2, Attackers);

    /// <summary>How many connections the attack had by its own count, which it makes after five seconds.</summary>
    private async Task<int> AttackAsync(string target, int perSecond, params string[] mode)
    {
        await using var attack = SlowHttp.Start(impatient.Server, target, Attackers, perSecond, mode);
        var served = 0;
        while (!attack.HasExited || served < 20)
        {
            var watch = Stopwatch.StartNew();
            using var client = await impatient.ConnectAsync();
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello", "Connection: close\r\n")).Text);
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, LongestAnswer);
            served++;
            await Task.Delay(20);
        }

        return await attack.ConnectionsAsync();
    }
}

public sealed class TrickleTests
{
    /// <summary>One thread, and an answer of which more waits than may: it holds the thread until the reader is given up.</summary>
    [Fact]
    public async Task Reader_BelowTheLeastRate_HoldsItsThreadNoLongerThanTheChannelTimeout()
    {
        await using var server = await PythonServer.StartAsync("suite:app",
            ["--workers=1", "--channel-timeout=2", "--outbuf-overflow=65536", "--outbuf-high-watermark=262144", "--min-response-rate=10000000"]);
        using var slow = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 65536);
        await slow.SendAsync("GET /big?size=1000000000&length HTTP/1.1\r\nHost: test\r\n\r\n");
        await slow.ReceiveBytesAsync(1000);
        var served = server.AssertServesAsync(); // Waits for the only thread.
        while (!served.IsCompleted)
        {
            // 100 KB/s: never still, and far below the rate. Once it is cut off there may be nothing more to read.
            await slow.ReceiveBytesAsync(10_000).ContinueWith(_ => { }, TaskScheduler.Default);
            await Task.Delay(100);
        }

        await served;
    }

    [Fact]
    public async Task Body_BelowTheLeastRate_Is408ThoughItNeverRests()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--channel-timeout=2", "--min-body-rate=1000"]);
        using var slow = await server.ConnectAsync();
        await slow.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
        await Deadline.Until(async () => !await slow.SendAsync("x") || slow.Waiting > 0, "the server answers");
        Expected.Refusal(await slow.ReceiveAsync("POST"), 408);
        await server.AssertServesAsync();
    }

    /// <summary>The thread is the app's own here, so a trickle would hold it.</summary>
    [Theory]
    [InlineData("--min-body-rate=1000")]
    [InlineData("--body-timeout=1")]
    public async Task Body_TooSlowForAnAppThatReadsItAsItComes_EndsItsRead(string option)
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--workers=1", "--asynchronous=false", "--channel-timeout=2", option]);
        using var slow = await server.ConnectAsync();
        await slow.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
        await Deadline.Until(async () => !await slow.SendAsync("x") || slow.Waiting > 0, "the server answers");
        Expected.Refusal(await slow.ReceiveAsync("POST"), 408);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Body_TakingLongerThanBodyTimeoutInAll_Is408()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--body-timeout=1", "--min-body-rate=1"]);
        using var slow = await server.ConnectAsync();
        await slow.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
        await Deadline.Until(async () => !await slow.SendAsync(new string('x', 100)) || slow.Waiting > 0, "the server answers");
        Expected.Refusal(await slow.ReceiveAsync("POST"), 408);
    }

    [Fact]
    public async Task Head_NotThereWithinTheHeaderTimeout_Is408()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--header-timeout=1"]);
        using var slow = await server.ConnectAsync();
        await slow.SendAsync("GET /hello HTTP/1.1\r\nHost: te");
        await Expected.RefusedAsync(slow, 408);
        await server.AssertServesAsync();
    }
}
