using Waitress.Configuration;
using Waitress.Metrics;
using Waitress.Otlp;

namespace Waitress.Tests.Otlp;

public sealed class MetricsMessageTests
{
    private const ulong Started = 1_700_000_000_500_000_000;

    private static Message Written(OtelSettings? settings = null)
    {
        var board = MetricBoard.Private();
        var (service, worker) = (board.OfService, board.OfSlot(0));
        (service[Fact.State], service[Fact.Started]) = ((long)ServiceState.Serving, (long)Started);
        (worker[Fact.Pid], worker[Fact.Name], worker[Fact.State], worker[Fact.Started]) = (Environment.ProcessId, 7, WorkerStates.Ready, (long)Started + 5);
        worker.Add(MetricTable.Requests.Place + 1, 41);
        worker.Add(MetricTable.Duration.Place + MetricTable.Duration.Bucket(3_000_000), 2);
        worker.Add(MetricTable.Duration.Place + MetricTable.Duration.Bounds.Count, 1);
        worker.Add(MetricTable.Duration.SumPlace, 90_006_000_000);
        var writer = new ProtoWriter();
        MetricsMessage.Write(writer, new Service(board) { Python = "3.12" }, settings ?? new OtelSettings(), "one", DateTimeOffset.UnixEpoch.AddSeconds(1_700_000_060));
        return Assert.Single(new Message(writer.Written).All(1));
    }

    private static Dictionary<string, Message> Metrics() => Written().Inner(2).All(2).ToDictionary(metric => metric.Text(1));

    [Fact]
    public void Message_HasEachRowOnceWithHelpAndUnit()
    {
        var metrics = Metrics();
        Assert.Equal(MetricTable.All.Select(Instruments.NameOf), metrics.Keys);
        Assert.Equal((MetricTable.Duration.Help, "s"), (metrics["waitress.request.duration"].Text(2), metrics["waitress.request.duration"].Text(3)));
        Assert.Equal(("1", "By"), (metrics["waitress.requests"].Text(3), metrics["waitress.request.body.size"].Text(3)));
    }

    [Fact]
    public void Counter_IsACumulativeMonotonicSumSinceTheServicesStart()
    {
        var sum = Metrics()["waitress.requests"].Inner(7);
        Assert.Equal((2UL, 1UL), (sum.Number(2), sum.Number(3)));
        var points = sum.All(1);
        Assert.Equal(MetricTable.Requests.Series, points.Count);
        var one = points.Single(point => point.Attributes(7) is var labels && labels["method"] == "GET" && labels["status"] == "2xx");
        Assert.Equal((Started, 1_700_000_060_000_000_000UL, 41UL), (one.Number(2), one.Number(3), one.Number(6)));
    }

    [Fact]
    public void CounterOfAProcess_BeginsWithTheProcess()
    {
        var point = Assert.Single(Metrics()["waitress.worker.cpu"].Inner(7).All(1));
        Assert.Equal((Started + 5, "0"), (point.Number(2), point.Attributes(7)["slot"]));
        Assert.True(point.Double(4) > 0);
    }

    [Fact]
    public void Gauge_HasNoStart()
    {
        var metrics = Metrics();
        var point = Assert.Single(metrics["waitress.ready"].Inner(5).All(1));
        Assert.Equal([3, 6], point.Fields);
        Assert.Equal(1UL, point.Number(6));
        var build = Assert.Single(metrics["waitress.build"].Inner(5).All(1)).Attributes(7);
        Assert.Equal(("3.12", Service.Version), (build["python"], build["version"]));
    }

    [Fact]
    public void Histogram_HasBucketsBoundsSumAndCount()
    {
        var histogram = Metrics()["waitress.request.duration"].Inner(9);
        Assert.Equal(2UL, histogram.Number(2));
        var point = Assert.Single(histogram.All(1));
        Assert.Equal((Started, 3UL, 90.006), (point.Number(2), point.Number(4), Math.Round(point.Double(5), 9)));
        var (counts, bounds) = (point.Packed(6), point.Packed(7).Select(BitConverter.UInt64BitsToDouble).ToArray());
        Assert.Equal(bounds.Length + 1, counts.Length);
        Assert.Equal((2UL, 1UL), (counts[Array.IndexOf(bounds, 0.005)], counts[^1]));
    }

    [Fact]
    public void Resource_IsTheServiceByName()
    {
        var settings = new OtelSettings { Attributes = [new("service.name", "other"), new("deployment.environment.name", "test")], ServiceName = "shop" };
        var attributes = Written(settings).Inner(1).Attributes(1);
        Assert.Equal(("shop", "test", "one"), (attributes["service.name"], attributes["deployment.environment.name"], attributes["service.instance.id"]));
        Assert.Equal("unknown_service:waitress", Written().Inner(1).Attributes(1)["service.name"]);
    }
}
