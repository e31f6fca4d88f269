using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests;

/// <summary>One server per installed Python, started when its first core case asks.</summary>
public sealed class EveryPython : IAsyncLifetime
{
    private readonly Dictionary<string, PythonServer> _servers = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var server in _servers.Values)
        {
            await server.DisposeAsync();
        }
    }

    internal async Task<PythonServer> ForAsync(string python)
    {
        if (!_servers.TryGetValue(python, out var server))
        {
            _servers[python] = server = await PythonServer.StartAsync("suite:app", python: python);
        }

        return server;
    }
}

/// <summary>What must work on every Python; all else needs to run on one.</summary>
public sealed class CoreTests(EveryPython every) : IClassFixture<EveryPython>
{
    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Requests_OfManyKinds_AreAnsweredOnOneConnection(string python)
    {
        var server = await every.ForAsync(python);
        using var client = await server.ConnectAsync();
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        Assert.Equal("onetwothree", (await client.GetAsync("/generator")).Text);
        Assert.Equal("onetwothree", (await client.GetAsync("/write")).Text);
        var seen = (await client.GetAsync("/any/caf%C3%A9?q=1", "X-A: 1\r\nX-A: 2\r\n")).Json();
        Assert.Equal(("/any/caf\u00c3\u00a9", "q=1", "1, 2", "127.0.0.1"),
            (EnvironTests.Value(seen, "PATH_INFO"), EnvironTests.Value(seen, "QUERY_STRING"), EnvironTests.Value(seen, "HTTP_X_A"),
                EnvironTests.Value(seen, "REMOTE_ADDR")));
        var body = Pattern.Bytes(1_000_000);
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
        await client.SendAsync(body);
        Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        Assert.Equal(Pattern.Digest(Pattern.Bytes(300_000)), Pattern.Digest((await client.GetAsync("/file?size=300000&kind=real")).Body));
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Mistakes_OfTheApp_AreToldAndSurvived(string python)
    {
        var server = await every.ForAsync(python);
        foreach (var mistake in new[] { "before", "status-int", "header-newline", "silent", "system-exit", "body-none" })
        {
            using var client = await server.ConnectAsync();
            await client.SendAsync($"GET /mistake/{mistake} HTTP/1.1\r\nHost: test\r\n\r\n");
            await Expected.RefusedAsync(client, 500);
            await server.Log.WaitForLog("/mistake/" + mistake);
        }

        await server.AssertServesAsync();
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Threads_StacksAndChildren_WorkAsInAnyProgram(string python)
    {
        var server = await every.ForAsync(python);
        using var client = await server.ConnectAsync();
        Assert.Equal("RecursionError", (await client.GetAsync("/recursion")).Text);
        Assert.Equal(7, (await client.GetAsync("/fork")).Json().GetProperty("code").GetInt32());
        Assert.Equal(144, (await client.GetAsync("/multiprocessing")).Json().GetProperty("value").GetInt32());
        Assert.Equal("42", (await client.GetAsync("/subprocess")).Json().GetProperty("out").GetString());
        Assert.Contains("called", (await client.GetAsync("/traced")).Text.Split(','));
        await server.AssertServesAsync();
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Sigterm_WithARequestInFlight_ServesItAndEndsWithCodeZero(string python)
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", python: python);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        server.Process.Signal(PythonProcess.Sigterm);
        gate.Open();
        Assert.Equal("waited held", (await client.ReceiveAsync()).Text);
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Embedding_CreateServerRunClose_Works(string python)
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "create_server.py")], python);
        Assert.True(ended.Code == 0, ended.ErrorText);
        Assert.Equal("ended True refused True", ended.Output[^1]);
    }
}
