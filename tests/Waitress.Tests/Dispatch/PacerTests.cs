using Waitress.Dispatch;

namespace Waitress.Tests.Dispatch;

/// <summary>Each rule by looks that a test makes up: the pacer knows no clock and no thread.</summary>
public sealed class PacerTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(2), Long = TimeSpan.FromMilliseconds(6);

    private static QueueState Busy(long taken, int target, TimeSpan? oldest = null) =>
        new(Waiting: 3, oldest ?? Short, taken, Active: target, Idle: 4 - target, target);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 4)]
    public void Initial_ByParallelism_OneOrAll(bool parallel, int expected) => Assert.Equal(expected, new Pacer(4, parallel, most: 4).Initial);

    [Fact]
    public void Look_AllAsleepTwice_RaisesByOne()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        Assert.Equal(1, pacer.Look(Busy(1, 1), allAsleep: true));
        Assert.Equal(2, pacer.Look(Busy(2, 1), allAsleep: true));
        Assert.Equal(2, pacer.Look(Busy(3, 2), allAsleep: true));
        Assert.Equal(3, pacer.Look(Busy(4, 2), allAsleep: true));
    }

    [Theory]
    [InlineData(false, 2)] // They compute: fewer would do.
    [InlineData(true, 3)] // They wait: it takes that many.
    public void Look_QueueKeepsUp_LowersOnlyWhereThreadsCompute(bool asleep, int expected)
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        var target = 3;
        for (var look = 0; look < 64; look++)
            target = pacer.Look(new QueueState(Waiting: 0, TimeSpan.Zero, look, Active: 2, Idle: 2, target), asleep);
        Assert.Equal(expected, target);
    }

    [Fact]
    public void Look_AsleepThenAwake_StartsToCountAnew()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        Assert.Equal(1, pacer.Look(Busy(1, 1), allAsleep: true));
        Assert.Equal(1, pacer.Look(Busy(2, 1), allAsleep: false));
        Assert.Equal(1, pacer.Look(Busy(3, 1), allAsleep: true));
        Assert.Equal(2, pacer.Look(Busy(4, 1), allAsleep: true));
    }

    [Fact]
    public void Look_NothingTakenForTheSwitchInterval_RaisesThoughAwake()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        Assert.Equal(1, pacer.Look(Busy(5, 1, Long), allAsleep: false));
        Assert.Equal(2, pacer.Look(Busy(5, 1, Long), allAsleep: false));
    }

    [Fact]
    public void Look_NothingTakenForLessThanTheSwitchInterval_Keeps()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        for (var look = 0; look < 100; look++)
            Assert.Equal(1, pacer.Look(Busy(5, 1), allAsleep: false));
    }

    [Fact]
    public void Look_OsDoesNotTell_GoesByProgress()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        pacer.Look(Busy(5, 1), allAsleep: null);
        Assert.Equal(1, pacer.Look(Busy(5, 1), allAsleep: null));
        Assert.Equal(2, pacer.Look(Busy(5, 1), allAsleep: null));
    }

    [Fact]
    public void Look_AtAllSeats_StaysThere()
    {
        var pacer = new Pacer(2, parallel: false, most: 2);
        for (var look = 0; look < 10; look++)
            Assert.Equal(2, pacer.Look(Busy(look, 2), allAsleep: true));
    }

    [Fact]
    public void Look_ProgressWithAThreadAwake64Times_LowersByOneNotBelowOne()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        for (var look = 1; look < 64; look++)
            Assert.Equal(2, pacer.Look(Busy(look, 2), allAsleep: false));
        Assert.Equal(1, pacer.Look(Busy(64, 2), allAsleep: false));
        for (var look = 65; look < 200; look++)
            Assert.Equal(1, pacer.Look(Busy(look, 1), allAsleep: false));
    }

    [Fact]
    public void Look_ASleepOrAStallInBetween_PutsTheLoweringOff()
    {
        foreach (var (asleep, step) in new[] { (true, 1), (false, 0) })
        {
            var pacer = new Pacer(4, parallel: false, most: 4);
            long taken = 0;
            for (var look = 0; look < 63; look++)
                pacer.Look(Busy(++taken, 2), allAsleep: false);
            Assert.Equal(2, pacer.Look(Busy(taken += step, 2), asleep));
            for (var look = 0; look < 63; look++)
                Assert.Equal(2, pacer.Look(Busy(++taken, 2), allAsleep: false));
            Assert.Equal(1, pacer.Look(Busy(++taken, 2), allAsleep: false));
        }
    }

    [Fact]
    public void Look_OsDoesNotTell_NeverLowers()
    {
        var pacer = new Pacer(4, parallel: false, most: 4);
        for (var look = 1; look < 300; look++)
            Assert.Equal(3, pacer.Look(Busy(look, 3), allAsleep: null));
    }

    [Fact]
    public void Look_NothingToJudge_Keeps()
    {
        QueueState[] quiet =
        [
            new(Waiting: 0, TimeSpan.Zero, 9, Active: 1, Idle: 3, Target: 1),
            new(Waiting: 1, TimeSpan.FromMicroseconds(999), 9, Active: 1, Idle: 3, Target: 1), // Just come.
            new(Waiting: 1, Long, 9, Active: 0, Idle: 4, Target: 1), // A seat is on its way.
        ];
        foreach (var state in quiet)
        {
            var pacer = new Pacer(4, parallel: false, most: 4);
            for (var look = 0; look < 100; look++)
                Assert.Equal(1, pacer.Look(state, allAsleep: true));
        }
    }

    [Fact]
    public void Look_Parallel_NeverChanges()
    {
        var pacer = new Pacer(4, parallel: true, most: 4);
        for (var look = 0; look < 300; look++)
            Assert.Equal(3, pacer.Look(Busy(look / 100, 3, Long), allAsleep: look % 2 == 0));
    }

    [Fact]
    public void Look_AllAsleepAtTheThreadsOfTheStart_GrowsByAQuarterUpToTheMost()
    {
        var pacer = new Pacer(4, parallel: false, most: 14);
        List<int> targets = [4];
        for (var look = 0; look < 24; look++)
        {
            var target = pacer.Look(Busy(look, targets[^1]), allAsleep: true);
            if (target != targets[^1])
                targets.Add(target);
        }

        Assert.Equal([4, 5, 6, 7, 8, 10, 12, 14], targets);
    }

    [Theory]
    [InlineData(false)] // They compute.
    [InlineData(null)] // Nobody knows.
    public void Look_AtTheThreadsOfTheStartAndNotKnownToSleep_DoesNotGrow(bool? asleep)
    {
        var pacer = new Pacer(4, parallel: false, most: 64);
        for (var look = 0; look < 50; look++)
            Assert.Equal(4, pacer.Look(Busy(taken: 7, target: 4, oldest: Long), asleep));
    }

    [Fact]
    public void Look_ParallelAndMoreAreAllowed_GrowsWhileAllSleepAndNeverBelowTheStart()
    {
        var pacer = new Pacer(4, parallel: true, most: 64);
        Assert.Equal(4, pacer.Look(Busy(1, 4), allAsleep: true));
        Assert.Equal(5, pacer.Look(Busy(2, 4), allAsleep: true));
        var target = 5;
        for (var look = 3; look < 300; look++)
            target = pacer.Look(Busy(look, target), allAsleep: false);
        Assert.Equal(4, target);
    }
}
