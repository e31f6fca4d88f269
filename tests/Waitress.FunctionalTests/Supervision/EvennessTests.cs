using System.Collections.Concurrent;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>Few long connections that can't be divided evenly among workers: they take turns, and no request is lost.</summary>
public sealed class EvennessTests
{
    private const string App = """
        import os

        def wsgi(environ, start_response):
            body = f"{os.getpid()} {environ['QUERY_STRING']}".encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]

        async def asgi(scope, receive, send):
            body = f"{os.getpid()} {scope['query_string'].decode()}".encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})
        """;

    // Asking without a pause would keep both workers equally busy whatever connections they have.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(4);

    private readonly ConcurrentDictionary<string, int> _answers = new();
    private int _closed;

    /// <param name="app">The module's attribute.</param>
    /// <param name="ahead">How many requests a client sends at once, and expects to be answered on that connection.</param>
    [Theory]
    [InlineData("wsgi", 1)]
    [InlineData("wsgi", 2)]
    [InlineData("asgi", 1)]
    public async Task ThreeKeptConnections_OnTwoWorkers_AreServedByBothAlike(string app, int ahead)
    {
        using var folder = new TemporaryFolder();
        await using var server = await StartAsync(folder, app);
        using var stop = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 3).Select(_ => Task.Run(() => AskAsync(server, null, ahead, () => stop.IsCancellationRequested))).ToArray();
        await Deadline.Until(() => (IsEven() && _answers.Values.Sum() >= 1000) || clients.Any(client => client.IsFaulted),
            "both have served alike");
        await stop.CancelAsync();
        await Task.WhenAll(clients).Within("the clients end");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task TwoKeptConnections_OneOnEachOfTwoWorkers_AreNeverClosed()
    {
        using var folder = new TemporaryFolder();
        await using var server = await StartAsync(folder, "wsgi");
        RawClient? one = null, two = null;
        await Deadline.Until(async () =>
        {
            one?.Dispose();
            two?.Dispose();
            (one, two) = (await server.ConnectAsync(), await server.ConnectAsync());
            return Process(await one.GetAsync("/")) != Process(await two.GetAsync("/"));
        }, "a connection on each worker");

        // One asks without a pause, the other now and then: there is nothing that could be moved.
        var slow = Task.Run(() => AskAsync(server, two, 1, () => _answers.Values.Sum() >= 4000));
        for (var i = 0; i < 4000; i++)
            Check(await one!.GetAsync($"/?{i}"), $"{i}");
        await slow.Within("the other client ends");
        Assert.Equal(0, _closed);
        one!.Dispose();
        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task<PythonServer> StartAsync(TemporaryFolder folder, string app)
    {
        folder.Write("shares.py", App);
        var server = await PythonServer.StartAsync($"shares:{app}", ["--worker-class=process", "--workers=2"], folder: folder.Path);
        await WorkerProcesses.ServingAsync(server, 2);
        return server;
    }

    private bool IsEven() => _answers.Count == 2 && _answers.Values.Max() <= 1.5 * _answers.Values.Min();

    private async Task AskAsync(PythonServer server, RawClient? client, int ahead, Func<bool> ends)
    {
        while (!ends())
        {
            client ??= await server.ConnectAsync();
            var names = Enumerable.Range(0, ahead).Select(_ => Pattern.Name()).ToArray();
            await client.SendAsync(string.Concat(names.Select(name => $"GET /?{name} HTTP/1.1\r\nHost: test\r\n\r\n")));
            foreach (var name in names)
            {
                if (!Check(await client.ReceiveAsync(), name))
                    continue;
                Assert.Equal(name, names[^1]); // Else the rest would never be answered.
                client.Dispose();
                client = null;
                break;
            }

            await Task.Delay(Pause);
        }

        client?.Dispose();
    }

    private static string Process(RawResponse response) => response.Text.Split(' ')[0];

    // Whether the connection ends with it.
    private bool Check(RawResponse response, string name)
    {
        Assert.Equal(200, response.Status);
        Assert.Equal(name, response.Text.Split(' ')[1]);
        _answers.AddOrUpdate(Process(response), 1, (_, count) => count + 1);
        if (response.CloseAnnounced)
            Interlocked.Increment(ref _closed);
        return response.CloseAnnounced;
    }
}
