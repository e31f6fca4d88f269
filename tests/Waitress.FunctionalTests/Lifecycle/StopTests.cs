using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

public sealed class StopTests
{
    [Theory]
    [InlineData(PythonProcess.Sigterm)]
    [InlineData(PythonProcess.Sigint)]
    public async Task Signal_WhileIdle_EndsWithCodeZero(int signal)
    {
        await using var server = await PythonServer.StartAsync("suite:app");
        using var idle = await server.ConnectAsync();
        Assert.Equal(200, (await idle.GetAsync("/hello")).Status);
        server.Process.Signal(signal);
        Assert.Equal(0, await server.Process.ExitAsync());
        await idle.AssertClosedAsync();
        Assert.DoesNotContain("Traceback", server.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PythonProcess.Sigterm)]
    [InlineData(PythonProcess.Sigint)]
    public async Task Signal_WithRequestsInFlight_ServesThemWholeAndAcceptsNoMore(int signal)
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app");
        List<(RawClient Client, string Name)> held = [];
        for (var index = 0; index < 3; index++)
        {
            var (client, name) = (await server.ConnectAsync(), Pattern.Name());
            held.Add((client, name));
            await client.SendAsync($"GET /wait?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
            await server.Log.WaitForMark("entered " + name);
        }

        using var streamed = await server.ConnectAsync();
        var streamName = Pattern.Name();
        await streamed.SendAsync($"GET /wait/first?{gate.Query(streamName)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered " + streamName);

        // All four threads are taken: this one is still in the queue when the signal comes.
        using var queued = await server.ConnectAsync();
        await queued.SendAsync("GET /big?size=4000000&length HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForLog("Task queue depth");

        server.Process.Signal(signal);
        await Deadline.Until(() => RefusesAsync(server), "new connections are refused");
        Assert.False(server.Process.HasExited);
        gate.Open();
        foreach (var (client, name) in held)
        {
            Assert.Equal("waited " + name, (await client.ReceiveAsync()).Text);
            await client.AssertClosedAsync();
            client.Dispose();
        }

        Assert.Equal("firstsecond", (await streamed.ReceiveAsync()).Text);
        Assert.Equal(Pattern.Digest(Pattern.Bytes(4_000_000)), Pattern.Digest((await queued.ReceiveAsync()).Body));
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Fact]
    public async Task Signal_UnderLoad_DropsNoRequestThatReachedTheApp()
    {
        await using var server = await PythonServer.StartAsync("suite:app");
        var finished = new ConcurrentBag<string>();
        var cut = new ConcurrentBag<string>();
        var warm = new TaskCompletionSource();
        var clients = Enumerable.Range(0, 12).Select(index => LoadAsync(server, keepAlive: index % 2 == 0, finished, cut, warm)).ToList();
        await warm.Task.Within("200 requests under load");
        server.Process.Signal(PythonProcess.Sigterm);
        await Task.WhenAll(clients).Within("all clients end");
        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.Empty(cut);
        var called = server.Log.Lines.Where(line => line.StartsWith("MARK called ", StringComparison.Ordinal)).Select(line => line[12..]);
        Assert.Empty(called.Except(finished));
        Assert.True(finished.Count >= 200);
    }

    [Fact]
    public async Task Signal_Second_EndsAtOnce()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app");
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        server.Process.Signal(PythonProcess.Sigterm);
        await Deadline.Until(() => RefusesAsync(server), "new connections are refused");
        Assert.False(server.Process.HasExited);
        server.Process.Signal(PythonProcess.Sigterm);
        Assert.Equal(128 + PythonProcess.Sigterm, await server.Process.ExitAsync());
        Assert.False(server.Log.HasMark("left held"));
    }

    [Fact]
    public async Task GracefulTimeout_OfOneSecond_EndsTheWaitForAStuckApp()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--graceful-timeout=1"]);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("stuck")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered stuck");
        var watch = Stopwatch.StartNew();
        server.Process.Signal(PythonProcess.Sigterm);
        await client.AssertClosedAsync();
        await server.Process.ExitAsync();
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 30);
        Assert.False(server.Log.HasMark("left stuck"));
    }

    [Fact]
    public async Task Atexit_OfTheApp_RunsAfterSigterm()
    {
        await using var server = await PythonServer.StartAsync("signalled:app");
        Assert.Equal(0, await server.StopAsync());
        Assert.True(server.Log.HasMark("atexit"));
    }

    /// <summary>The signal and a client's request come while the line that tells of the server is being written.</summary>
    [Theory]
    [InlineData("-m", "waitress", "--listen=127.0.0.1:0", "early_signal:app")]
    [InlineData("early_signal.py")]
    public async Task Signal_AtTheServingLine_ServesWhoIsConnectedAndEndsWithCodeZero(params string[] arguments)
    {
        var ended = await PythonProcess.RunAsync(arguments);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.ErrorText}");
        Assert.Contains("MARK answer HTTP/1.1 200 OK", ended.Errors);
        Assert.Contains("INFO:waitress:SIGTERM: finishing the requests in flight; a second signal ends at once", ended.Errors);
        Assert.DoesNotContain("Traceback", ended.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignalHandler_OfTheApp_RunsInTheMainThreadWhileServing()
    {
        await using var server = await PythonServer.StartAsync("signalled:app");
        for (var turn = 0; turn < 2; turn++)
        {
            var from = server.Log.Lines.Count;
            server.Process.Signal(PythonProcess.Sigusr1);
            await server.Log.WaitForLog($"MARK signal {PythonProcess.Sigusr1} MainThread", from);
        }

        using var client = await server.ConnectAsync();
        Assert.Equal("signalled", (await client.GetAsync("/")).Text);
    }

    internal static async Task<bool> RefusesAsync(PythonServer server)
    {
        try
        {
            using var client = await server.ConnectAsync();
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>
    /// Requests until the server is gone, 2000 at most. A connection that ends before the first byte of an answer was not
    /// served (the log tells whether the app had been called); one that ends inside an answer is cut.
    /// </summary>
    private static async Task LoadAsync(
        PythonServer server, bool keepAlive, ConcurrentBag<string> finished, ConcurrentBag<string> cut, TaskCompletionSource warm)
    {
        RawClient? client = null;
        try
        {
            for (var turn = 0; turn < 2000; turn++)
            {
                client ??= await server.ConnectAsync();
                var name = Pattern.Name();
                await client.SendAsync(
                    $"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n{(keepAlive ? "" : "Connection: close\r\n")}\r\nbody");
                try
                {
                    var response = await client.ReceiveAsync("POST");
                    Assert.Equal(200, response.Status);
                    finished.Add(name);
                    if (finished.Count >= 200)
                    {
                        warm.TrySetResult();
                    }

                    if (!keepAlive || response.CloseAnnounced)
                    {
                        client.Dispose();
                        client = null;
                    }
                }
                catch (TruncatedResponseException end)
                {
                    if (end.Message != "The connection ended in the status line")
                    {
                        cut.Add($"{name}: {end.Message}");
                    }

                    client?.Dispose();
                    client = null;
                }
            }
        }
        catch (SocketException)
        {
            // Refused: the server has stopped listening, which is what the loop waits for.
        }
        finally
        {
            client?.Dispose();
        }
    }
}
