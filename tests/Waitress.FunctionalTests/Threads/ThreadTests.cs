using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

public sealed class OneThread() : ServerFixture("suite:app", "--threads=1");

public sealed class ThreadTests(OneThread one) : IClassFixture<OneThread>
{
    [Fact]
    public async Task Local_OnTheSameThread_SurvivesBetweenRequests()
    {
        List<int> counts = [];
        List<long> idents = [];
        for (var turn = 0; turn < 5; turn++)
        {
            using var client = await one.ConnectAsync();
            var seen = (await client.GetAsync("/local")).Json();
            counts.Add(seen.GetProperty("count").GetInt32());
            idents.Add(seen.GetProperty("ident").GetInt64());
        }

        Assert.Equal([1, 2, 3, 4, 5], counts);
        Assert.Single(idents.Distinct());
    }

    [Fact]
    public async Task Requests_MoreThanThreads_WaitInOrderAndWarn()
    {
        using var gate = new Gate();
        using var first = await one.ConnectAsync();
        var name = Pattern.Name();
        await first.SendAsync($"GET /wait?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await one.Log.WaitForMark("entered " + name);
        using var second = await one.ConnectAsync();
        await second.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        await one.Log.WaitForLog("WARNING:waitress.queue:Task queue depth is 1");
        gate.Open();
        Assert.Equal("waited " + name, (await first.ReceiveAsync()).Text);
        Assert.Equal(Expected.Hello, (await second.ReceiveAsync()).Text);
    }

    [Fact]
    public async Task SlowUploads_Many_HoldNoThread()
    {
        List<RawClient> slow = [];
        for (var index = 0; index < 20; index++)
        {
            var client = await one.ConnectAsync();
            slow.Add(client);
            await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
        }

        await one.Server.AssertServesAsync();
        foreach (var client in slow)
        {
            await client.SendAsync("67890");
            Assert.Equal(Pattern.Digest("1234567890"), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
            client.Dispose();
        }
    }

    [Fact]
    public async Task Request_WhoseClientLeftInTheQueue_NeverReachesTheApp()
    {
        using var gate = new Gate();
        using var first = await one.ConnectAsync();
        var (name, gone) = (Pattern.Name(), Pattern.Name());
        await first.SendAsync($"GET /wait?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await one.Log.WaitForMark("entered " + name);
        var from = one.Log.Lines.Count;
        using (var left = await one.ConnectAsync())
        {
            await left.SendAsync($"GET /digest?name={gone} HTTP/1.1\r\nHost: test\r\n\r\n");
            await one.Log.WaitForLog("Task queue depth", from);
            left.Abort();
        }

        // Requests refused without a worker show that the I/O side has gone on since the client left.
        for (var turn = 0; turn < 20; turn++)
        {
            using var refused = await one.ConnectAsync();
            await refused.SendAsync("GET /hello HTTP/1.1\r\nBad Header: 1\r\n\r\n");
            await Expected.RefusedAsync(refused, 400);
        }

        gate.Open();
        Assert.Equal(200, (await first.ReceiveAsync()).Status);
        await one.Server.AssertServesAsync();
        Assert.False(one.Log.HasMark("called " + gone));
    }
}

public sealed class ProcessTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Fact]
    public async Task Threads_OfTheServer_HaveNamesAndAreKnownToPython()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/threads")).Json();
        Assert.Matches("^waitress-[0-9]+$", seen.GetProperty("current").GetString());
        Assert.False(seen.GetProperty("main").GetBoolean());
        var names = seen.GetProperty("names").EnumerateArray().Select(name => name.GetString()!).ToList();
        Assert.Contains("MainThread", names);
        Assert.Equal(4, names.Count(name => name.StartsWith("waitress-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Recursion_WithoutEnd_IsARecursionErrorTheAppCanCatch()
    {
        using var client = await suite.ConnectAsync();
        Assert.Equal("RecursionError", (await client.GetAsync("/recursion")).Text);
    }

    [Fact]
    public async Task Recursion_Uncaught_Is500AndTheServerLives()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("GET /recursion/uncaught HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 500);
        await suite.Log.WaitForLog("RecursionError");
        await suite.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Fork_InARequest_ChildWorksAndLeaves()
    {
        using var client = await suite.ConnectAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            var seen = (await client.GetAsync("/fork")).Json();
            Assert.Equal(("child 4950", 7), (seen.GetProperty("said").GetString(), seen.GetProperty("code").GetInt32()));
        }

        await suite.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Fork_ChildLeavesBySystemExit_EndsAndDoesNotAnswer()
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync("/fork/exit");
        Assert.Equal(9, response.Json().GetProperty("code").GetInt32());
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Multiprocessing_WithFork_GivesItsResult()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/multiprocessing")).Json();
        Assert.Equal((144, 0), (seen.GetProperty("value").GetInt32(), seen.GetProperty("code").GetInt32()));
    }

    [Fact]
    public async Task Subprocess_Run_GivesItsOutput()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.GetAsync("/subprocess")).Json();
        Assert.Equal(("42", 0), (seen.GetProperty("out").GetString(), seen.GetProperty("code").GetInt32()));
    }

    [Fact]
    public async Task Settrace_InARequest_SeesTheAppsCalls()
    {
        using var client = await suite.ConnectAsync();
        Assert.Contains("called", (await client.GetAsync("/traced")).Text.Split(','));
    }
}
