using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

/// <summary>max_threads. Linux only, as growth is: there the engine can tell a thread that waits.</summary>
public sealed class GrowthTests
{
    private static async Task<string> ThreadsAsync(PythonServer server)
    {
        using var client = await server.ConnectAsync();
        return (await client.GetAsync("/threads")).Text;
    }

    [Fact]
    public async Task Pool_WhoseThreadsWait_GrowsAndThenShrinks()
    {
        await using var server = await PythonServer.StartAsync("limits:app", ["--threads=2", "--max-threads=16"]);
        using var gate = new Gate();
        List<(string Name, RawClient Client)> held = [];
        for (var i = 0; i < 12; i++)
        {
            held.Add((Pattern.Name(), await server.ConnectAsync()));
            await held[^1].Client.SendAsync($"GET /stuck?{gate.Query(held[^1].Name)} HTTP/1.1\r\nHost: test\r\n\r\n");
        }

        // All twelve are in the app at once, which two threads could not do.
        foreach (var (name, _) in held)
            await server.Log.WaitForMark("entered " + name);
        await server.AssertServesAsync();
        gate.Open();
        foreach (var (_, client) in held)
        {
            Assert.Equal("nobody reads this", (await client.ReceiveAsync()).Text);
            client.Dispose();
        }

        // Two windows of ten seconds at most; this request itself needs one thread.
        var end = DateTime.UtcNow.AddSeconds(60);
        while (await ThreadsAsync(server) != "2" && DateTime.UtcNow < end)
            await Task.Delay(250);
        Assert.Equal("2", await ThreadsAsync(server));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Pool_WhoseThreadsCompute_DoesNotGrow()
    {
        await using var server = await PythonServer.StartAsync("limits:app", ["--threads=2", "--max-threads=32"]);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var client = await server.ConnectAsync();
            for (var turn = 0; turn < 40; turn++)
                Assert.Equal("computed", (await client.GetAsync("/compute?s=0.003")).Text);
        }));
        Assert.InRange(int.Parse(await ThreadsAsync(server), System.Globalization.CultureInfo.InvariantCulture), 2, 4);
        Assert.Equal(0, await server.StopAsync());
    }
}
