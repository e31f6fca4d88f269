using Waitress.Processes;

namespace Waitress.Tests.Processes;

/// <summary>Workers on one board whose connections ask at a steady rate, a quarter of a second at a time; what is given goes where it is given.</summary>
public sealed class RebalancerTests : IDisposable
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(250);

    private readonly ManualTime _time = new();
    private readonly TestBoard _test = new(4);
    private readonly Scoreboard _board;
    private readonly List<Worker> _workers = [];
    private readonly List<Client> _clients = [];

    public RebalancerTests() => _board = _test.Open();

    public void Dispose()
    {
        _board.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData(2, 3)]
    [InlineData(2, 5)]
    [InlineData(4, 5)]
    [InlineData(4, 6)]
    [InlineData(4, 9)]
    [InlineData(3, 4)]
    public void ConnectionsOfOneRate_NotToBeDividedEvenly_TakeTurns(int workers, int connections)
    {
        Serve(workers);
        for (var i = 0; i < connections; i++)
            Connect(i % workers, 200);
        Run(seconds: 12);
        Assert.InRange(Ratio(), 1.0, 1.4);
        Assert.InRange(Moves, 1, 24);
        Run(seconds: 60);
        Assert.InRange(Ratio(), 1.0, 1.2);
        Assert.InRange(Moves, 1, 144);
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(2, 2)]
    [InlineData(2, 4)]
    [InlineData(4, 4)]
    [InlineData(4, 64)]
    [InlineData(2, 9)]
    [InlineData(1, 3)]
    public void ConnectionsOfOneRate_ThatAreEvenOrCannotBe_StayWhereTheyAre(int workers, int connections)
    {
        Serve(workers);
        for (var i = 0; i < connections; i++)
            Connect(i % workers, 200);
        Run(seconds: 60);
        Assert.Equal(0, Moves);
    }

    [Fact]
    public void BusyConnections_AllOnOneOfTwo_SpreadOverBoth()
    {
        Serve(2);
        for (var i = 0; i < 8; i++)
            Connect(0, 100);
        Run(seconds: 20);
        Assert.InRange(_workers[0].Connections(_clients), 3, 5);
        Assert.InRange(Moves, 3, 10);
    }

    [Fact]
    public void OneConnection_ThatAsksForNearlyEverything_IsLeftWhereItIs()
    {
        Serve(2);
        Connect(0, 2000);
        Connect(0, 40);
        Connect(1, 40);
        Run(seconds: 60);
        Assert.Equal(0, Moves);
    }

    [Fact]
    public void HardlyUsedConnections_AreNotTheOnesThatGo()
    {
        Serve(2);
        Connect(0, 200);
        Connect(0, 200);
        Connect(0, 8);
        Connect(1, 40);
        Run(seconds: 30);
        Assert.True(Moves > 0);
        Assert.Equal(0, _clients[2].Moves);
    }

    [Fact]
    public void FewRequests_ProveNothing()
    {
        Serve(2);
        for (var i = 0; i < 3; i++)
            Connect(i % 2, 8);
        Run(seconds: 60);
        Assert.Equal(0, Moves);
    }

    [Fact]
    public void AnotherThatIsNotServing_GetsNothing()
    {
        Serve(2);
        for (var i = 0; i < 3; i++)
            Connect(0, 200);
        _board[1, Field.State] = (long)SlotState.Draining;
        Run(seconds: 20);
        Assert.Equal(0, Moves);
    }

    [Fact]
    public void AnotherThatHasNoRoom_GetsNothing()
    {
        Serve(2);
        for (var i = 0; i < 3; i++)
            Connect(0, 200);
        _board[1, Field.Paused] = 1;
        Run(seconds: 20);
        Assert.Equal(0, Moves);
    }

    [Fact]
    public void Connections_ThatCannotGo_AreAskedLessAndLessOften()
    {
        Serve(2);
        for (var i = 0; i < 3; i++)
            Connect(i % 2, 200).CanGo = false;
        Run(seconds: 120);
        Assert.Equal(0, Moves);
        foreach (var client in _clients)
            client.CanGo = true;
        Run(seconds: 12);
        Assert.True(Moves > 0);
    }

    [Fact]
    public void Moves_ThatHelpNothing_BecomeRare()
    {
        Serve(2);
        for (var i = 0; i < 8; i++)
            Connect(0, 100).Returns = true;
        Run(seconds: 128);
        Assert.InRange(Moves, 2, 24);
    }

    [Fact]
    public void ANewWorker_InTheSlotOfAnother_BeginsAnew()
    {
        Serve(2);
        Connect(0, 200);
        Connect(1, 200);
        Run(seconds: 10);
        _board[1, Field.Pid] = 77;
        _board[1, Field.Completed] = 0;
        Run(seconds: 10);
        Assert.Equal(0, Moves);
    }

    private int Moves => _clients.Sum(client => client.Moves);

    private double Ratio()
    {
        var counts = _workers.Select(worker => (double)_board[worker.Slot, Field.Completed]).ToArray();
        return counts.Max() / counts.Min();
    }

    private void Serve(int workers)
    {
        for (var slot = 0; slot < workers; slot++)
        {
            _workers.Add(new Worker(_board, slot, _time));
            _board[slot, Field.Pid] = 100 + slot;
            _board[slot, Field.State] = (long)SlotState.Serving;
            _board[slot, Field.Heartbeat] = Monotonic.Now(_time);
        }
    }

    private Client Connect(int slot, int perSecond)
    {
        var client = new Client { Slot = slot, PerBeat = perSecond / 4 };
        _clients.Add(client);
        return client;
    }

    private void Run(int seconds)
    {
        for (var beat = 0; beat < seconds * 4; beat++)
        {
            _time.Advance(Beat);
            for (var i = 0; i < 500; i++)
            {
                foreach (var client in _clients.Where(client => i < client.PerBeat))
                    _workers[client.Slot].Answer(client);
            }

            foreach (var worker in _workers)
            {
                _board[worker.Slot, Field.Heartbeat] = Monotonic.Now(_time);
                worker.Rebalancer.Look();
            }
        }
    }

    private sealed class Client
    {
        private RequestTally _tally;
        private int _served;

        public int Slot { get; set; }
        public int PerBeat { get; init; }
        public int Moves { get; private set; }
        public bool CanGo { get; set; } = true;

        /// <summary>Whether it comes back to the worker that it left, which nothing here prevents.</summary>
        public bool Returns { get; set; }

        public void Ask(Rebalancer rebalancer, Func<int> receiver)
        {
            if (!rebalancer.Suits(ref _tally, ++_served) || !CanGo || !rebalancer.TryMove())
                return;
            (_tally, _served) = (default, 0);
            Moves++;
            if (!Returns)
                Slot = receiver();
        }
    }

    private sealed class Worker
    {
        private readonly Scoreboard _board;
        private int _receiver = -1;

        public Worker(Scoreboard board, int slot, TimeProvider time)
        {
            (_board, Slot) = (board, slot);
            Rebalancer = new Rebalancer(new RequestShares(board, new Balance(board, slot, time), slot, time), receiver => _receiver = receiver, time);
        }

        public int Slot { get; }

        public Rebalancer Rebalancer { get; }

        public int Connections(IEnumerable<Client> clients) => clients.Count(client => client.Slot == Slot);

        public void Answer(Client client)
        {
            client.Ask(Rebalancer, () => _receiver);
            _board[Slot, Field.Completed]++;
        }
    }
}
