using System.Text;
using System.Text.RegularExpressions;
using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

public partial class MetricsTextTests
{
    private static Service Served()
    {
        var board = MetricBoard.Private();
        var (service, worker) = (board.OfService, board.OfSlot(0));
        (service[Fact.State], service[Fact.Started], service[Fact.Pid]) = ((long)ServiceState.Serving, 1_700_000_000_500_000_000, Environment.ProcessId);
        (worker[Fact.Pid], worker[Fact.Name], worker[Fact.State]) = (Environment.ProcessId, 7, WorkerStates.Ready);
        worker.Add(MetricTable.Requests.Place + 1, 41);
        worker.Add(MetricTable.Duration.Place + MetricTable.Duration.Bucket(3_000_000), 2);
        worker.Add(MetricTable.Duration.Place + MetricTable.Duration.Bounds.Count, 1);
        worker.Add(MetricTable.Duration.SumPlace, 90_006_000_000);
        return new Service(board) { Python = "3.\"11\\" };
    }

    private static string[] Lines(bool openMetrics) => Encoding.UTF8.GetString(MetricsText.Write(Served(), openMetrics)).Split('\n');

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Text_EveryLine_HasTheFormatsSyntaxAndEachSeriesOccursOnce(bool openMetrics)
    {
        var lines = Lines(openMetrics);
        Assert.Equal("", lines[^1]);
        Assert.All(lines[..^1], line => Assert.Matches(line.StartsWith('#') ? Comment() : SampleLine(), line));
        var series = lines.Where(line => line.Length > 0 && line[0] != '#').Select(line => line[..line.LastIndexOf(' ')]).ToArray();
        Assert.Equal(series.Length, series.Distinct().Count());
    }

    [Fact]
    public void Text_OfBothFormats_HasTheSameSamples()
    {
        static string[] Series(bool open) => [.. Lines(open).Where(line => line.Length > 0 && line[0] != '#').Select(line => line[..line.LastIndexOf(' ')])];
        Assert.Equal(Series(false), Series(true));
    }

    [Fact]
    public void Text_ForPrometheus_NamesTheSamplesInTypeLines()
    {
        var lines = Lines(false);
        Assert.Contains("# TYPE waitress_requests_total counter", lines);
        Assert.Contains("# TYPE waitress_build_info gauge", lines);
        Assert.DoesNotContain("# EOF", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith("# UNIT", StringComparison.Ordinal));
    }

    [Fact]
    public void Text_ForOpenMetrics_NamesTheFamiliesAndEnds()
    {
        var lines = Lines(true);
        Assert.Contains("# TYPE waitress_requests counter", lines);
        Assert.Contains("# TYPE waitress_build info", lines);
        Assert.Contains("# UNIT waitress_request_duration_seconds seconds", lines);
        Assert.Equal("# EOF", lines[^2]);
    }

    [Fact]
    public void Text_OfFigures_HasTheirValues()
    {
        var lines = Lines(false);
        Assert.Contains("waitress_requests_total{method=\"GET\",status=\"2xx\"} 41", lines);
        Assert.Contains("waitress_request_duration_seconds_bucket{le=\"0.0025\"} 0", lines);
        Assert.Contains("waitress_request_duration_seconds_bucket{le=\"0.005\"} 2", lines);
        Assert.Contains("waitress_request_duration_seconds_bucket{le=\"60.0\"} 2", lines);
        Assert.Contains("waitress_request_duration_seconds_bucket{le=\"+Inf\"} 3", lines);
        Assert.Contains("waitress_request_duration_seconds_sum 90.006", lines);
        Assert.Contains("waitress_request_duration_seconds_count 3", lines);
        Assert.Contains("waitress_request_body_bytes_bucket{le=\"1073741824.0\"} 0", lines);
        Assert.Contains("waitress_workers{state=\"ready\"} 1", lines);
        Assert.Contains("waitress_ready 1", lines);
        Assert.Contains("waitress_start_time_seconds 1700000000.5", lines);
        Assert.Contains("waitress_worker_requests_total{slot=\"0\"} 41", lines);
        Assert.Contains(lines, line => line.Contains("python=\"3.\\\"11\\\\\"", StringComparison.Ordinal));
        Assert.Contains($"waitress_worker_info{{slot=\"0\",name=\"7\",pid=\"{Environment.ProcessId}\",generation=\"0\"}} 1", lines);
        Assert.Contains(lines, line => line.StartsWith("waitress_worker_resident_memory_bytes{slot=\"supervisor\"} ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("*/*", false)]
    [InlineData("text/html, application/xhtml+xml, */*;q=0.8", false)]
    [InlineData("application/openmetrics-text", true)]
    [InlineData("Application/OpenMetrics-Text; Version=1.0.0", true)]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true)]
    [InlineData("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false)]
    [InlineData("application/openmetrics-text; version=\"1.0.0\", text/plain; q=1", true)]
    [InlineData("application/openmetrics-text; q=0.3, text/plain; q=0.5", false)]
    [InlineData("application/openmetrics-text; q=0", false)]
    [InlineData("application/openmetrics-text;;;=,", false)]
    public void Format_ByAccept_IsOpenMetricsWhereThatIsWanted(string? accept, bool openMetrics) => Assert.Equal(openMetrics, Formats.WantsOpenMetrics(accept));

    [GeneratedRegex(@"^# (HELP waitress_[a-z_]+ [^\n]+|TYPE waitress_[a-z_]+ (counter|gauge|histogram|info)|UNIT waitress_[a-z_]+ (seconds|bytes)|EOF)$")]
    private static partial Regex Comment();

    [GeneratedRegex("""^waitress_[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)+\})? -?[0-9.E+-]+$""")]
    private static partial Regex SampleLine();
}
