using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Waitress.Configuration;
using Waitress.Listening;
using Waitress.Processes;
using Waitress.Tests.Http;
using Waitress.Tests.Processes;

namespace Waitress.Tests.Listening;

/// <summary>Two workers on one listening socket, both in this process: each with its own slot, waker and acceptor thread.</summary>
public sealed class AcceptorTests : IDisposable
{
    private const string Get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TestBoard _test = new(2);
    private readonly Scoreboard _board;
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<WorkerSlot> _slots = [];

    public AcceptorTests()
    {
        _board = _test.Open();
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _socket.Listen(1024);
    }

    public void Dispose()
    {
        foreach (var slot in _slots)
            slot.Dispose();
        _board.Dispose();
        _socket.Dispose();
        _test.Dispose();
    }

    [Fact]
    public async Task Connections_KeptOpen_SpreadEvenly()
    {
        await using var one = await StartAsync(0);
        await using var two = await StartAsync(1);
        var clients = new List<WireClient>();
        for (var i = 1; i <= 10; i++)
        {
            var client = await one.ConnectAsync();
            clients.Add(client);
            await client.SendAsync(Get);
            await client.ReadUntilAsync("GET / ");
            Assert.InRange(Math.Abs(one.Gate.Open - two.Gate.Open), 0, 1);
        }

        Assert.Equal((5, 5), (one.Gate.Open, two.Gate.Open));
        Assert.Equal((5, 5), (_board[0, Field.Connections], _board[1, Field.Connections]));
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Connections_TheLeastLoadedTakesNone_AreTakenByAnother()
    {
        await using var one = await StartAsync(0);
        // A worker that says that it serves, with no connections, and has hung since.
        _board[1, Field.State] = (long)SlotState.Serving;
        _board[1, Field.Heartbeat] = Monotonic.Now(TimeProvider.System) + (long)Patience.TotalNanoseconds;
        List<WireClient> clients = []; // Held: the collector closes what nobody holds.
        for (var i = 0; i < 3; i++)
        {
            var client = await one.ConnectAsync();
            clients.Add(client);
            await client.SendAsync(Get);
            await client.ReadUntilAsync("GET / ");
        }

        Assert.Equal(3, one.Gate.Open);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Retire_IdleConnection_AnswersItsNextRequestWithClose()
    {
        await using var one = await StartAsync(0);
        using var client = await one.ConnectAsync();
        await client.SendAsync(Get);
        await client.ReadUntilAsync("GET / ");
        var retired = one.RetireAsync();
        Assert.True(SpinWait.SpinUntil(() => _board[0, Field.State] == (long)SlotState.Draining, Patience));
        await client.SendAsync(Get);
        Assert.Contains("Connection: close", await client.ReadToEndAsync(), StringComparison.Ordinal);
        await retired;
    }

    [Fact]
    public async Task Retire_BacklogOfTheOthers_IsLeftToThem()
    {
        await using var one = await StartAsync(0, new Settings { ConnectionLimit = 1 });
        using var held = await one.ConnectAsync();
        await held.SendAsync(Get);
        await held.ReadUntilAsync("GET / ");
        using var waiting = await one.ConnectAsync();
        await waiting.SendAsync(Get);
        await one.RetireAsync();
        Assert.Equal(1, one.Accepted);
        await using var two = await StartAsync(1);
        await waiting.ReadUntilAsync("GET / ");
        Assert.Equal(1, two.Accepted);
    }

    [Fact]
    public async Task Stop_Backlog_IsServed()
    {
        await using var one = await StartAsync(0, new Settings { ConnectionLimit = 1 });
        using var held = await one.ConnectAsync();
        await held.SendAsync(Get);
        await held.ReadUntilAsync("GET / ");
        using var waiting = await one.ConnectAsync();
        await waiting.SendAsync(Get);
        var stop = one.StopAsync();
        Assert.EndsWith("GET / ", await waiting.ReadToEndAsync(), StringComparison.Ordinal);
        await stop;
        Assert.Equal(2, one.Accepted);
    }

    [Fact]
    public async Task Retire_AgainAndAgainUnderLoad_LosesNoConnection()
    {
        var workers = new List<WireServer> { await StartAsync(0) };
        var address = _socket.LocalEndPoint!;
        using var end = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var served = 0;
            for (; !end.IsCancellationRequested; served++)
            {
                using var client = new WireClient(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                await client.Socket.ConnectAsync(address);
                await client.SendAsync(Get);
                Assert.StartsWith("HTTP/1.1 200 OK", await client.ReadUntilAsync("GET / "), StringComparison.Ordinal);
            }

            return served;
        })).ToArray();
        for (var i = 1; i <= 30; i++)
        {
            workers.Add(await StartAsync(i % 2));
            await workers[i - 1].RetireAsync();
            Assert.Equal(0, workers[i - 1].Gate.Open);
        }

        await end.CancelAsync();
        var total = (await Task.WhenAll(clients)).Sum();
        await workers[^1].StopAsync();
        Assert.Equal(total, workers.Sum(worker => worker.Served.Count));
        Assert.Equal(total, workers.Sum(worker => worker.Accepted));
        foreach (var worker in workers)
            await worker.DisposeAsync();
    }

    // Each worker has a Socket of its own on the descriptor, as each process has; it must not close it, as there is one for all here.
    private async Task<WireServer> StartAsync(int number, Settings? settings = null)
    {
        var descriptor = _socket.SafeHandle.DangerousGetHandle();
        var shared = new ListenSocket(new Socket(new SafeSocketHandle(descriptor, ownsHandle: false)), owner: new SafeFileHandle(descriptor, ownsHandle: false));
        var slot = WorkerSlot.Open(_test.Handoff(number), TimeProvider.System, static (_, _) => { });
        _slots.Add(slot);
        return await WireServer.StartAsync(shared, slot, settings);
    }
}
