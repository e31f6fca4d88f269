using Waitress.Tracing;

namespace Waitress.Tests.Tracing;

public sealed class TraceAllowanceTests
{
    private static readonly long Second = TimeProvider.System.TimestampFrequency;

    [Fact]
    public void Take_MoreThanASecondsWorth_IsRefusedUntilTimeHasPassed()
    {
        var allowance = new TraceAllowance(100);
        var now = 5 * Second;
        Assert.Equal(100, Enumerable.Range(0, 1000).Count(_ => allowance.Take(now)));
        Assert.Equal(10, Enumerable.Range(0, 1000).Count(_ => allowance.Take(now + (Second / 10))));

        // However long it was quiet.
        Assert.Equal(100, Enumerable.Range(0, 1000).Count(_ => allowance.Take(now + (3600 * Second))));
    }

    [Fact]
    public void Take_AtTheRate_IsNeverRefused()
    {
        var allowance = new TraceAllowance(100);
        for (var turn = 1L; turn <= 1000; turn++)
            Assert.True(allowance.Take(turn * Second / 100));
    }

    [Fact]
    public void Take_OfSeveralThreads_CountsEach()
    {
        var allowance = new TraceAllowance(1000);
        var taken = 0;
        Parallel.For(0, 10_000, _ =>
        {
            if (allowance.Take(Second))
                Interlocked.Increment(ref taken);
        });
        Assert.Equal(1000, taken);
    }
}
