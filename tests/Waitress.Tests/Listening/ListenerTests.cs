using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Listening;
using Waitress.Tests.Http;

namespace Waitress.Tests.Listening;

public sealed class ListenerTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    [Fact]
    public async Task Connections_AtLimit_WaitAndAreServedWhenOneCloses()
    {
        var crowded = new List<bool>();
        var settings = new Settings { Listen = ["127.0.0.1:0"], ConnectionLimit = 2 };
        await using var server = await WireServer.StartAsync(settings, crowded: full => { lock (crowded) crowded.Add(full); });
        using var first = await server.ConnectAsync();
        using var second = await server.ConnectAsync();
        await first.SendAsync(Get);
        await first.ReadUntilAsync("GET / ");
        await second.SendAsync(Get);
        await second.ReadUntilAsync("GET / ");
        using var third = await server.ConnectAsync();
        await third.SendAsync(Get);
        Assert.Equal(2, server.Gate.Open);
        Assert.Equal(2, server.Served.Count);
        lock (crowded)
            Assert.Equal([true], crowded);

        first.Dispose();
        await third.ReadUntilAsync("GET / ");
        Assert.Equal(2, server.Gate.Open);
        lock (crowded)
            Assert.Equal([true, false, true], crowded);
    }

    [Fact]
    public async Task Connections_AllClosed_AreCountedOut()
    {
        var empty = new TaskCompletionSource();
        await using var server = await WireServer.StartAsync(
            new Settings { Listen = ["127.0.0.1:0"], ConnectionLimit = 1 }, crowded: full => { if (!full) empty.TrySetResult(); });
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync(Get);
            await client.ReadUntilAsync("GET / ");
        }

        await empty.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(0, server.Gate.Open);
    }

    [Fact]
    public async Task Stop_ConnectionsStillInTheBacklog_AreServed()
    {
        // At the limit the rest stays in the backlog, so it is the stop that has to fetch them.
        var settings = new Settings { Listen = ["127.0.0.1:0"], ConnectionLimit = 1 };
        await using var server = await WireServer.StartAsync(settings);
        using var first = await server.ConnectAsync();
        await first.SendAsync(Get);
        await first.ReadUntilAsync("GET / ");
        var waiting = new List<WireClient>();
        for (var i = 0; i < 20; i++)
        {
            waiting.Add(await server.ConnectAsync());
            await waiting[i].SendAsync(Get);
        }

        Assert.Single(server.Served);
        var stop = server.StopAsync();
        foreach (var client in waiting)
        {
            var answer = await client.ReadToEndAsync();
            Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
            Assert.EndsWith("GET / ", answer, StringComparison.Ordinal);
            client.Dispose();
        }

        await stop;
        Assert.Equal(21, server.Served.Count);
        Assert.Equal(0, server.Gate.Open);
    }

    [Fact]
    public async Task Stop_ClientAboutToSend_IsServed()
    {
        // The clock stands still, so that the second which a new connection has is never over.
        await using var server = await WireServer.StartAsync(clock: new ManualTime());
        using var client = await server.ConnectAsync();
        var stop = server.StopAsync();
        await client.SendAsync(Get);
        Assert.EndsWith("GET / ", await client.ReadToEndAsync(), StringComparison.Ordinal);
        await stop;
    }

    [Fact]
    public async Task Stop_RequestInFlight_IsFinished()
    {
        await using var server = await WireServer.StartAsync();
        var entered = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        server.BeforeAnswer = () => { entered.SetResult(); return release.Task; };
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        await entered.Task;
        var stop = server.StopAsync();
        Assert.False(stop.IsCompleted);
        release.SetResult();
        Assert.EndsWith("GET / ", await client.ReadToEndAsync(), StringComparison.Ordinal);
        await stop;
    }

    [Fact]
    public async Task Stop_UnderLoad_DropsNoRequestOfANewConnection()
    {
        await using var server = await WireServer.StartAsync();
        var address = server.Socket.Socket.LocalEndPoint!;
        var begun = new TaskCompletionSource();
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var served = 0;
            while (true)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await socket.ConnectAsync(address);
                }
                catch (SocketException)
                {
                    return served;
                }

                using var client = new WireClient(socket);
                string answer;
                try
                {
                    await client.SendAsync(Get);
                    answer = await client.ReadUntilAsync("GET / ");
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
                {
                    // The kernel completed the handshake after the last accept, as the socket closed: after the stop.
                    return served;
                }

                Assert.StartsWith("HTTP/1.1 200 OK", answer, StringComparison.Ordinal);
                if (++served == 20)
                    begun.TrySetResult();
            }
        })).ToArray();
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await server.StopAsync();
        var total = (await Task.WhenAll(clients)).Sum();
        Assert.Equal(total, server.Served.Count);
        Assert.Equal(total, server.Accepted);
    }

    [Fact]
    public async Task UnixSocket_Request_IsServedAndFileRemovedOnStop()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("w").FullName, "s");
        await using (var server = await WireServer.StartAsync(new Settings { UnixSocket = path }))
        {
            using var client = new WireClient(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified));
            await client.Socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
            await client.SendAsync(Get);
            await client.ReadUntilAsync("GET / ");
        }

        Assert.False(File.Exists(path));
        Directory.Delete(Path.GetDirectoryName(path)!);
    }

    [Fact]
    public async Task Gate_OutOfDescriptors_WaitsForAConnectionToClose()
    {
        var gate = new ConnectionGate(10, TimeProvider.System);
        Assert.True(gate.TryEnter());
        var wait = gate.LeaveAsync(TimeSpan.FromMinutes(5), CancellationToken.None);
        Assert.False(wait.IsCompleted);
        gate.Leave();
        await wait.WaitAsync(TimeSpan.FromSeconds(10));
        await gate.LeaveAsync(TimeSpan.FromMilliseconds(1), CancellationToken.None);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gate.LeaveAsync(TimeSpan.FromMinutes(5), new CancellationToken(true)));
    }

    [Fact]
    public async Task Gate_Full_ForcesOnlyWhatAStopFetches()
    {
        var gate = new ConnectionGate(1, TimeProvider.System);
        Assert.True(gate.TryEnter());
        Assert.False(gate.TryEnter());
        var room = gate.RoomAsync(CancellationToken.None).AsTask();
        gate.ForceEnter();
        Assert.Equal(2, gate.Open);
        gate.Leave();
        Assert.False(room.IsCompleted);
        gate.Leave();
        await room.WaitAsync(TimeSpan.FromSeconds(10));
    }
}
