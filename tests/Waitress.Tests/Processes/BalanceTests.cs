using Waitress.Processes;

namespace Waitress.Tests.Processes;

public sealed class BalanceTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly TestBoard _test = new(4);
    private readonly Scoreboard _board;
    private readonly Balance _balance;

    public BalanceTests()
    {
        _board = _test.Open();
        _balance = new Balance(_board, 0, _time);
        Serve(0);
    }

    public void Dispose()
    {
        _board.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(1, 0, false)]
    [InlineData(3, 3, true)]
    [InlineData(4, 3, false)]
    [InlineData(4, 5, true)]
    [InlineData(45, 40, true)]
    [InlineData(46, 40, false)]
    public void MayAccept_LoadsOfTwo_LeastLoadedDoes(int own, int theirs, bool expected)
    {
        Serve(1, theirs);
        _board[0, Field.Connections] = own;
        Assert.Equal(expected, _balance.MayAccept());
    }

    [Fact]
    public void MayAccept_AnotherOfThree_WithFewer_No()
    {
        Serve(1, 9);
        Serve(2, 1);
        _board[0, Field.Connections] = 2;
        Assert.False(_balance.MayAccept());
    }

    [Theory]
    [InlineData((long)SlotState.Empty)]
    [InlineData((long)SlotState.Starting)]
    [InlineData((long)SlotState.Draining)]
    public void MayAccept_OtherNotServing_DoesNotCount(long state)
    {
        Serve(1);
        _board[1, Field.State] = state;
        _board[0, Field.Connections] = 5;
        Assert.True(_balance.MayAccept());
    }

    [Fact]
    public void MayAccept_OtherPaused_DoesNotCount()
    {
        Serve(1);
        _board[1, Field.Paused] = 1;
        _board[0, Field.Connections] = 5;
        Assert.True(_balance.MayAccept());
    }

    [Fact]
    public void MayAccept_OthersHeartbeatGrowsOld_DoesNotCountAnyMore()
    {
        Serve(1);
        _board[0, Field.Connections] = 1;
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(_balance.MayAccept());
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(_balance.MayAccept());
    }

    [Fact]
    public void MayAccept_OtherTookNothingWhileAsked_DoesNotCountUntilItDoes()
    {
        Serve(1);
        _board[1, Field.Accepted] = 17;
        _board[0, Field.Connections] = 1;
        _balance.BeginWait();
        _balance.Distrust();
        Assert.True(_balance.MayAccept());
        _board[1, Field.Accepted] = 18;
        Assert.False(_balance.MayAccept());
    }

    [Fact]
    public void MayAccept_OtherTookOneWhileAsked_StillCounts()
    {
        Serve(1);
        _board[0, Field.Connections] = 1;
        _balance.BeginWait();
        _board[1, Field.Accepted]++;
        _balance.Distrust();
        Assert.False(_balance.MayAccept());
    }

    [Fact]
    public void ShortConnections_OneAtATime_SpreadEvenly()
    {
        Serve(1);
        var other = new Balance(_board, 1, _time);
        var counts = new int[2];
        for (var i = 0; i < 1000; i++)
        {
            // Slot 0 is always the quicker one, as the kernel may have it.
            var first = _balance.MayAccept();
            Assert.True(first || other.MayAccept());
            var chosen = first ? _balance : other;
            chosen.Note(1, accepted: true);
            chosen.Note(0, accepted: false);
            counts[first ? 0 : 1]++;
        }

        Assert.InRange(Math.Abs(counts[0] - counts[1]), 0, 20);
    }

    [Fact]
    public void Join_WhereOthersHaveServedLong_IsLevelWithThem()
    {
        Serve(1);
        _board[1, Field.Turns] = 1_000_000;
        _balance.Join();
        Assert.Equal(1_000_000, _board[0, Field.Turns]);
        Assert.Equal(0, _board[0, Field.Accepted]);
    }

    [Fact]
    public void Note_FarBehindInTurns_CatchesUpButForASmallRest()
    {
        Serve(1);
        _board[1, Field.Turns] = 1_000_000;
        _balance.Note(1, accepted: true);
        Assert.InRange(_board[0, Field.Turns], 1_000_000 - 100, 1_000_000 - 1);
        Assert.Equal(1, _board[0, Field.Accepted]);
    }

    [Fact]
    public void Eligible_AfterOwnLoadGrew_NamesTheWaitingOnesThatMayAccept()
    {
        Serve(1, 1);
        Serve(2, 1);
        Serve(3, 2);
        _board[1, Field.WantsToAccept] = 1;
        _board[3, Field.WantsToAccept] = 1;
        Assert.Empty(_balance.Eligible());
        _balance.Note(1, accepted: true);
        Assert.Equal([1], _balance.Eligible());
    }

    [Fact]
    public void Give_NextConnection_IsForTheReceiverAlone()
    {
        Serve(1, 5);
        Serve(2, 1);
        _board[1, Field.Accepted] = 9;
        _board[1, Field.WantsToAccept] = 1;
        _balance.Give(1);
        Assert.False(_balance.MayAccept());
        Assert.False(new Balance(_board, 2, _time).MayAccept());
        Assert.True(new Balance(_board, 1, _time).MayAccept());
        Assert.Equal([1], _balance.Eligible());
        _board[1, Field.Accepted] = 10;
        Assert.True(_balance.MayAccept());
        Assert.False(new Balance(_board, 1, _time).MayAccept());
    }

    [Fact]
    public void Give_NobodyComes_IsOverAfterASecond()
    {
        Serve(1, 5);
        _balance.Give(1);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_balance.MayAccept());
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_balance.MayAccept());
    }

    [Theory]
    [InlineData(Field.State, (long)SlotState.Draining)]
    [InlineData(Field.Paused, 1)]
    [InlineData(Field.Heartbeat, 0)]
    internal void Give_ReceiverCannotAccept_HoldsNobodyUp(Field field, long value)
    {
        Serve(1, 5);
        _balance.Give(1);
        _board[1, field] = value;
        Assert.True(_balance.MayAccept());
    }

    [Fact]
    public void Give_ReceiverTookNothingWhileAsked_HoldsThisOneUpNoMore()
    {
        Serve(1, 5);
        _balance.Give(1);
        _balance.BeginWait();
        _balance.Distrust();
        Assert.True(_balance.MayAccept());
    }

    [Fact]
    public void AnyLoads_SomebodyMayAccept()
    {
        var random = new Random(1);
        for (var round = 0; round < 2000; round++)
        {
            for (var slot = 0; slot < 4; slot++)
            {
                Serve(slot, random.Next(round % 40 + 1));
                _board[slot, Field.Turns] = random.Next(40);
                _board[slot, Field.GivesTo] = 0;
                if (random.Next(4) == 0)
                    new Balance(_board, slot, _time).Give(random.Next(4));
            }

            Assert.Contains(Enumerable.Range(0, 4), slot => new Balance(_board, slot, _time).MayAccept());
        }
    }

    private void Serve(int slot, int connections = 0)
    {
        _board[slot, Field.State] = (long)SlotState.Serving;
        _board[slot, Field.Heartbeat] = Monotonic.Now(_time);
        _board[slot, Field.Connections] = connections;
    }
}
