using System.Globalization;
using System.Net;
using System.Text.Json;
using Waitress.FunctionalTests.Admin;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>
/// tests/apps/cancelling.py: awaits of the app that are given up at points which a seed decides, with clients that leave at such points. What fails
/// names its seed; `WAITRESS_TEST_SEED` tries another one.
/// </summary>
public sealed class CancellationTests
{
    private const int Requests = 300;

    private static int Seed => int.TryParse(Environment.GetEnvironmentVariable("WAITRESS_TEST_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 1;

    [Theory]
    [InlineData("asyncio")]
    [InlineData("uvloop")]
    public async Task Awaits_GivenUpAnywhere_LoseNothingAndLeaveNothing(string loop)
    {
        await using var server = await PythonServer.StartAsync("cancelling:app", ["--admin-listen=0", "--http=1,2", "--loop=" + loop]);
        using var admin = await AdminClient.OfAsync(server.Log);
        var (tasks, _) = await StateAsync(server);

        // The first round fills what is kept (pools, caches); the second, of the same kinds, may need no more.
        await RunAsync(server, Seed);
        await OverHttp2Async(server, Seed);
        var first = await RestAsync(server, admin, tasks);
        await RunAsync(server, Seed + 1);
        await OverHttp2Async(server, Seed + 1);
        var second = await RestAsync(server, admin, tasks);

        // The addresses of some thousand clients are kept, each in three objects; a stream of HTTP/2 may count as one.
        var kept = 3 * (second.Connections - first.Connections + (Requests / 2));
        Assert.InRange(second.Blocks - first.Blocks - kept, long.MinValue, Requests);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => new[] { "Fault in the server", "never awaited", "was destroyed", "ignored in", "   at " }
            .Any(word => line.Contains(word, StringComparison.Ordinal)));
    }

    private static async Task RunAsync(PythonServer server, int seed)
    {
        var ended = await PythonProcess.RunAsync(
            ["cancelling_client.py", server.PortText, seed.ToString(CultureInfo.InvariantCulture), Requests.ToString(CultureInfo.InvariantCulture)], "/usr/bin/python3");
        Assert.True(ended.Code == 0, $"seed {seed}: {ended.ErrorText}\nThe log ends:\n{string.Join('\n', server.Log.Lines.TakeLast(30))}");
        var counts = JsonDocument.Parse(ended.OutputText).RootElement;
        Assert.All(["exact", "echoed", "left"], kind => Assert.InRange(counts.GetProperty(kind).GetInt32(), 10, Requests * 3));
    }

    // Streams that are reset at any moment, on one connection.
    private static async Task OverHttp2Async(PythonServer server, int seed)
    {
        using var http = server.Http();
        var random = new Random(seed);
        var bodies = Enumerable.Range(0, Requests / 2).Select(number => (Seed: (seed * 1_000_000) + 500_000 + number, Body: Pattern.Bytes(random.Next(1, 100_000)), Wait: random.Next(3) == 0 ? (int?)random.Next(15) : null));
        await Parallel.ForEachAsync(bodies, new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (each, _) =>
        {
            using var stop = each.Wait is { } wait ? new CancellationTokenSource(wait) : new CancellationTokenSource();
            using var content = new ByteArrayContent(each.Body);
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/work?seed={each.Seed}")
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = content,
            };
            try
            {
                using var answer = await http.SendAsync(request, stop.Token);
                var data = await answer.Content.ReadAsByteArrayAsync(stop.Token);
                if (!answer.Headers.TryGetValues("x-exact", out var exact) || exact.Single() != "1")
                    return;
                var seen = JsonDocument.Parse(data.AsMemory(0, Array.IndexOf(data, (byte)'\n'))).RootElement;
                Assert.True(seen.GetProperty("sha256").GetString() == Pattern.Digest(each.Body), $"seed {each.Seed}: {seen}");
            }
            catch (Exception e) when (e is OperationCanceledException or HttpRequestException or HttpIOException or IOException)
            {
                // Left by us, or cut since the app gave its answer up.
                Assert.False(e is TaskCanceledException { InnerException: TimeoutException }, $"seed {each.Seed} got no answer");
            }
        });
    }

    // When nothing is under way any more: what the app's process holds.
    private static async Task<(long Blocks, double Connections)> RestAsync(PythonServer server, AdminClient admin, int tasks)
    {
        Dictionary<string, double> samples = [];
        foreach (var name in new[] { "waitress_threads_busy", "waitress_websockets_open", "waitress_connections_open" })
            await Deadline.Until(async () => (samples = await admin.ScrapeAsync())[name] == 0, name + " is 0");
        var blocks = 0L;
        await Deadline.Until(
            async () =>
            {
                (var left, blocks) = await StateAsync(server);
                return left <= tasks;
            },
            "no task is left");
        return (blocks, samples["waitress_connections_accepted_total"]);
    }

    private static async Task<(int Tasks, long Blocks)> StateAsync(PythonServer server)
    {
        using var client = await server.ConnectAsync();
        var state = (await client.GetAsync("/state")).Json();
        return (state.GetProperty("tasks").GetInt32(), state.GetProperty("blocks").GetInt64());
    }
}
