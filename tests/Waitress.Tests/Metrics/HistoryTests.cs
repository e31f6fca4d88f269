using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

public sealed class HistoryTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly MetricBoard board = MetricBoard.Private();
    private readonly History history;

    public HistoryTests() => history = new History(new Service(board), time);

    public void Dispose() => history.Dispose();

    private void Serve(int requests) => board.OfSlot(0).Add(MetricTable.Requests.Place, requests);

    [Fact]
    public void Since_OverTime_FindsTheSampleOfThatAge()
    {
        history.Start();
        for (var second = 0; second < 400; second++)
        {
            Serve(10);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        var now = history.Read(board.Read(), cpu: false);
        Assert.Equal(4000, now.Total(MetricTable.Requests));
        Assert.Equal(100, now.Total(MetricTable.Requests) - history.Since(10)!.Total(MetricTable.Requests));
        Assert.Equal(600, now.Total(MetricTable.Requests) - history.Since(60)!.Total(MetricTable.Requests));
        Assert.Equal(3000, now.Total(MetricTable.Requests) - history.Since(300)!.Total(MetricTable.Requests));
        var points = history.Points();
        Assert.All(points.Zip(points.Skip(1)), pair => Assert.Equal(50, pair.Second.Total(MetricTable.Requests) - pair.First.Total(MetricTable.Requests)));
        Assert.InRange(points.Count, 61, 62);
    }

    [Fact]
    public void Since_OfAYoungService_IsItsStart()
    {
        Assert.Null(history.Since(10));
        history.Start();
        Serve(3);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(0, history.Since(300)!.Total(MetricTable.Requests));
        Assert.Equal(0, history.Since(10)!.Total(MetricTable.Requests));
    }

    [Fact]
    public void Percentile_OfBuckets_LiesWithinTheRightOne()
    {
        var from = history.Read(board.Read(), cpu: false);
        Assert.Null(History.Percentile(MetricTable.Duration, from, from, 0.5));
        Assert.Null(History.Mean(MetricTable.Duration, from, from));
        foreach (var (milliseconds, count) in ((int, int)[])[(2, 90), (40, 9), (90_000, 1)])
        {
            board.OfSlot(0).Add(MetricTable.Duration.Place + MetricTable.Duration.Bucket(milliseconds * 1_000_000L), count);
            board.OfSlot(0).Add(MetricTable.Duration.SumPlace, milliseconds * 1_000_000L * count);
        }

        var to = history.Read(board.Read(), cpu: false);
        Assert.InRange(History.Percentile(MetricTable.Duration, from, to, 0.5)!.Value, 0.001, 0.0025);
        Assert.InRange(History.Percentile(MetricTable.Duration, from, to, 0.95)!.Value, 0.025, 0.05);
        Assert.Equal(60, History.Percentile(MetricTable.Duration, from, to, 1)!.Value, 6);
        Assert.Equal(0.002 * 0.9 + 0.04 * 0.09 + 0.9, History.Mean(MetricTable.Duration, from, to)!.Value, 6);
    }
}
