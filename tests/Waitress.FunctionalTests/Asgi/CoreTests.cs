using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What ASGI apps need on every Python; all else runs on one.</summary>
public sealed class AsgiCoreTests
{
    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Requests_OfManyKinds_AreAnsweredAndTheServerStops(string python)
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--loop=asyncio"], python);
        using (var client = await server.ConnectAsync())
        {
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
            Assert.Equal("part 0\npart 1\npart 2\n", (await client.GetAsync("/stream")).Text);
            var seen = (await client.GetAsync("/any/caf%C3%A9?q=1", "X-A: 1\r\n")).Json();
            Assert.Equal(("/any/caf\u00e9", "q=1", "http"), (seen.GetProperty("path").GetString(), seen.GetProperty("query_string").GetString(), seen.GetProperty("type").GetString()));
            var body = Pattern.Bytes(1_000_000);
            await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
            await client.SendAsync(body);
            Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
            Assert.StartsWith("http.request timeout timeout timeout cancelled", (await client.GetAsync("/tasks")).Text[2..], StringComparison.Ordinal);
            Assert.Equal("waitress-loop", (await client.GetAsync("/thread")).Json().GetProperty("thread").GetString());
            await Expected.RefusedAsync(client, await AskAsync(client, "/raises"));
        }

        await server.Log.WaitForLog("RuntimeError: broken on purpose");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task<int> AskAsync(RawClient client, string target)
    {
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
        return 500;
    }
}

/// <summary>The cases that depend on the loop, on both.</summary>
public abstract class LoopTests(ServerFixture fixture, string module)
{
    [Fact]
    public async Task Requests_OnOneConnection_AreAnsweredInTheirOrder()
    {
        using var client = await fixture.ConnectAsync();
        Assert.StartsWith(module, (await client.GetAsync("/thread")).Json().GetProperty("loop").GetString(), StringComparison.Ordinal);
        await client.SendAsync(string.Concat(Enumerable.Range(0, 50).Select(number => $"GET /stream?count={number} HTTP/1.1\r\nHost: test\r\n\r\n")));
        for (var number = 0; number < 50; number++)
            Assert.Equal(number, (await client.ReceiveAsync()).Text.Count(letter => letter == '\n'));
    }

    [Fact]
    public async Task Receive_InTasksAndGivenUp_WorksAgain()
    {
        using var client = await fixture.ConnectAsync();
        Assert.Equal("abhttp.request timeout timeout timeout cancelled", (await client.GetAsync("/tasks")).Text);
    }

    [Fact]
    public async Task Receive_GivenUpWhileTheBodyIsOnItsWay_LosesNothing()
    {
        var name = Pattern.Name();
        var body = Pattern.Bytes(300_000);
        using var client = await fixture.ConnectAsync();
        await client.SendAsync($"POST /slow-body?name={name} HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
        await client.SendAsync(body.AsMemory(0, 100_000));
        await fixture.Log.WaitForMark("late " + name);
        await client.SendAsync(body.AsMemory(100_000));
        var seen = (await client.ReceiveAsync()).Json();
        Assert.Equal((Pattern.Digest(body), true), (seen.GetProperty("sha256").GetString(), seen.GetProperty("late").GetBoolean()));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Send_GivenUpInTheMiddle_CutsTheAnswer()
    {
        var name = Pattern.Name();
        using (var client = await RawClient.ConnectAsync(fixture.Server.EndPoint, receiveBuffer: 4096))
        {
            await client.SendAsync($"GET /cancelled-send?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await fixture.Log.WaitForMark("gave up " + name);
            var cut = await Assert.ThrowsAsync<TruncatedResponseException>(() => client.ReceiveAsync());
            Assert.InRange(cut.Received, 1, 49_999_999);
        }

        await fixture.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Body_OfTenMegabytes_IsEchoedWhileItArrives()
    {
        var body = Pattern.Bytes(10_000_000);
        using var client = await fixture.ConnectAsync();
        await client.SendAsync($"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
        var answer = client.ReceiveAsync();
        await client.SendAsync(body);
        Assert.Equal(Pattern.Digest(body), Pattern.Digest((await answer).Body));
    }
}

public sealed class AsyncioTests(AsgiServer server) : LoopTests(server, "asyncio"), IClassFixture<AsgiServer>;

public sealed class UvloopTests(UvloopServer server) : LoopTests(server, "uvloop"), IClassFixture<UvloopServer>;
