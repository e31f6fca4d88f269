using System.Text;
using Waitress.Http;
using Waitress.Metrics;
using Waitress.Tests.Http;

namespace Waitress.Tests.Metrics;

/// <summary>What is counted of requests that went through the stages of a real server.</summary>
[Collection(TemporaryFiles.Alone)]
public sealed class WorkerFiguresTests
{
    private readonly WorkerFigures figures = new(MetricBoard.Private(), 0, TimeProvider.System);

    private static void Answer(Exchange exchange)
    {
        exchange.Taken(TimeProvider.System.GetTimestamp(), 1000);
        exchange.Response.Start(int.Parse(exchange.Path.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture), "Whatever");
        exchange.Response.TryGather(Encoding.Latin1.GetBytes("twelve bytes"));
        exchange.Response.Declare(12);
        exchange.Answered(TimeProvider.System.GetTimestamp());
    }

    private long Requests(string method, string status)
    {
        var row = MetricTable.Requests;
        var series = (Array.IndexOf(row.Labels[0].Values, method) * row.Labels[1].Values.Length) + Array.IndexOf(row.Labels[1].Values, status);
        return figures.Board.Read().Sum(row.Place + series);
    }

    private long Reason(string label) =>
        figures.Board.Read().Sum(MetricTable.Refused.Place + Array.IndexOf(MetricTable.Refused.Labels[0].Values, label));

    private long Count(MetricRow histogram) => Enumerable.Range(histogram.Place, histogram.Bounds.Count + 1).Sum(figures.Board.Read().Sum);

    [Fact]
    public async Task Record_OfServedRequests_CountsMethodStatusSizesAndTimes()
    {
        await using (var server = await EngineServer.StartAsync(Answer, figures: figures))
        {
            using var client = server.Connect();
            client.Get("/200");
            client.Send("POST /404 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
            client.Read();
            client.Send("PURGE /599 HTTP/1.1\r\nHost: a\r\n\r\n");
            client.Read();
            client.Send("HEAD /301 HTTP/1.1\r\nHost: a\r\n\r\n");
            client.Read(isHead: true);
        }

        Assert.Equal((1, 1, 1, 1), (Requests("GET", "2xx"), Requests("POST", "4xx"), Requests("other", "5xx"), Requests("HEAD", "3xx")));
        var now = figures.Board.Read();
        Assert.Equal(4, now.Total(MetricTable.Requests));
        Assert.Equal((3, 36), (now.Sum(MetricTable.RequestSize.SumPlace), now.Sum(MetricTable.ResponseSize.SumPlace)));
        Assert.All([MetricTable.Duration, MetricTable.QueueWait, MetricTable.GilWait, MetricTable.AppTime, MetricTable.RequestSize, MetricTable.ResponseSize],
            row => Assert.Equal(4, Count(row)));
        Assert.Equal(4000, now.Sum(MetricTable.GilWait.SumPlace));
        Assert.True(now.Sum(MetricTable.Duration.SumPlace) >= now.Sum(MetricTable.AppTime.SumPlace) + now.Sum(MetricTable.QueueWait.SumPlace));
        Assert.Equal((1, 0), (now.Sum(MetricTable.Accepted.Place), now.Sum(MetricTable.Open.Place)));
    }

    [Fact]
    public async Task Record_OfRefusedRequests_CountsTheReasonOnceEach()
    {
        await using (var server = await EngineServer.StartAsync(Answer, EngineServer.Loopback with { MaxRequestBodySize = 10 }, figures: figures))
        {
            foreach (var request in (string[])["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", "get / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/3.7\r\n\r\n"])
            {
                using var client = server.Connect();
                client.Send(request);
                client.Read();
            }
        }

        Assert.Equal((1, 1, 1), (Reason("body_too_large"), Reason("bad_request"), Reason("unknown_version")));
        Assert.Equal((1, 1, 1), (Requests("POST", "4xx"), Requests("other", "4xx"), Requests("other", "5xx")));
        Assert.Equal(0, Count(MetricTable.AppTime));
        Assert.Equal(2, Count(MetricTable.Duration)); // What was no request has no duration.
    }

    [Fact]
    public async Task Metrics_OnTheMainPort_AnswerGetAndHeadAndLeaveTheRestToTheApp()
    {
        await using var server = await EngineServer.StartAsync(Answer, EngineServer.Loopback with { MetricsPath = "/200" }, figures: figures);
        using var client = server.Connect();
        var answer = client.Get("/200?x=1");
        Assert.Equal(MetricsText.PrometheusType, RawConnection.Field(answer.Head, "Content-Type"));
        Assert.Contains("waitress_requests_total{method=\"GET\",status=\"2xx\"} 0\n", answer.Text, StringComparison.Ordinal);
        client.Send("HEAD /200 HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text\r\n\r\n");
        Assert.Equal(MetricsText.OpenMetricsType, RawConnection.Field(client.Read(isHead: true).Head, "Content-Type"));
        client.Send("POST /200 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        Assert.Equal("twelve bytes", client.Read().Text);
        Assert.Equal("twelve bytes", client.Get("/201").Text);
        Assert.Contains("status=\"2xx\"} 2\n", client.Get("/200").Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Live_RequestInTheQueue_IsSeenUntilItHasEnded()
    {
        var live = new LiveRequests();
        await using var server = await EngineServer.StartAsync(figures: figures, live: live);
        using var client = server.Connect();
        client.Send("GET /a/b?secret HTTP/1.1\r\nHost: a\r\n\r\n");
        var exchange = server.Arrived.Take();
        var (oldest, more) = live.Read(1);
        var request = Assert.Single(oldest);
        Assert.Equal(("queued", "GET", "/a/b", "127.0.0.1", false), (request.State, request.Method, request.Path, request.Client, more));
        Assert.Same(exchange, live.Find(request.Id));
        exchange.Taken(TimeProvider.System.GetTimestamp(), 0);
        Assert.Equal("app", Assert.Single(live.Read(1).Oldest).State);
        Assert.True(live.Read(0).More);
        Answer(exchange, 204);
        exchange.Complete();
        client.Read();
        Assert.True(SpinWait.SpinUntil(() => live.Read(10).Oldest.Count == 0, TimeSpan.FromSeconds(20)));
        Assert.Null(live.Find(request.Id));
    }

    private static void Answer(Exchange exchange, int status) => exchange.Response.Start(status, null);
}
