using Waitress.Configuration;
using Waitress.Http;

namespace Waitress.Tests.Http;

public sealed class BodyPaceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    [Fact]
    public void Patience_Silence_IsTheChannelTimeout()
    {
        var pace = Pace(rate: 100);
        Assert.Equal(Patience, pace.Patience);
        pace.Note(100_000, TimeSpan.FromSeconds(99));
        Assert.Equal(Patience, pace.Patience); // What came pays for more than the wait.
    }

    [Fact]
    public void Patience_Trickle_RunsOut()
    {
        var pace = Pace(rate: 100);
        for (var turn = 0; turn < 11; turn++)
            pace.Note(100, TimeSpan.FromSeconds(10)); // A second's worth in ten.
        Assert.Equal(TimeSpan.FromSeconds(1), pace.Patience);
        pace.Note(100, TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, pace.Patience);
    }

    [Fact]
    public void Patience_SlowAtTheRate_GoesOnForEver()
    {
        var pace = Pace(rate: 100);
        for (var turn = 0; turn < 100_000; turn++)
            pace.Note(1000, TimeSpan.FromSeconds(10));
        Assert.Equal(Patience, pace.Patience);
    }

    /// <summary>A quick start is no credit for a trickle afterwards.</summary>
    [Fact]
    public void Patience_AfterMuchAtOnce_IsNoLonger()
    {
        var pace = Pace(rate: 100);
        pace.Note(1_000_000_000, TimeSpan.Zero);
        Assert.Equal(Patience, pace.Patience);
        pace.Note(1, TimeSpan.FromSeconds(50));
        Assert.Equal(50.01, pace.Patience.TotalSeconds, 3);
    }

    [Fact]
    public void Patience_WithoutARate_AnyByteIsASignOfLife()
    {
        var pace = Pace(rate: 0);
        for (var turn = 0; turn < 1000; turn++)
            pace.Note(1, TimeSpan.FromSeconds(99));
        Assert.Equal(Patience, pace.Patience);
    }

    [Fact]
    public void Patience_BodyTimeout_CountsAllWaits()
    {
        var pace = new BodyPace(new Settings { ChannelTimeout = 100, MinBodyRate = 1, BodyTimeout = 30 });
        pace.Note(1000, TimeSpan.FromSeconds(12));
        pace.Note(1000, TimeSpan.FromSeconds(12));
        Assert.Equal(6, pace.Patience.TotalSeconds, 3);
        pace.Note(1000, TimeSpan.FromSeconds(12));
        Assert.Equal(TimeSpan.Zero, pace.Patience);
        pace.Reset();
        Assert.Equal(30, pace.Patience.TotalSeconds, 3);
    }

    private static BodyPace Pace(int rate) => new(new Settings { ChannelTimeout = 100, MinBodyRate = rate });
}
