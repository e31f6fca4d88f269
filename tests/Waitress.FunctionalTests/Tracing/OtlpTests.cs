using System.Text.Json;
using Waitress.FunctionalTests.Asgi;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Tracing;

/// <summary>Spans and metrics of a running service on their way to a collector, and what apps and the access log see of a trace.</summary>
public sealed class OtlpTests
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c", Caller = "b7ad6b7169203331";

    private static readonly Dictionary<string, string> Quick = new() { ["OTEL_BSP_SCHEDULE_DELAY"] = "50", ["OTEL_SERVICE_NAME"] = "shop", ["OTEL_EXPORTER_OTLP_HEADERS"] = "api-key=s%3Dcret" };

    private static string Attribute(JsonElement span, string name) => span.GetProperty("attributes").GetProperty(name).ToString();

    [Fact]
    public async Task Processes_OfAWsgiApp_ExportSpansOfTheirOwnAndTheMetricsOnce()
    {
        using var folder = new TemporaryFolder();
        await using var receiver = await Receiver.StartAsync();
        await using var server = await PythonServer.StartAsync(
            "suite:app",
            ["--worker-class=process", "--workers=2", "--otlp-endpoint=" + receiver.Endpoint, "--access-logfile=" + folder.File("access.log"), "--access-logformat=%(trace)s"],
            environment: Quick);
        await WorkerProcesses.ServingAsync(server, 2);
        var seen = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            using var client = await server.ConnectAsync();
            var answer = await client.RequestAsync(i == 0 ? $"GET /environ HTTP/1.1\r\nHost: test\r\ntraceparent: 00-{Trace}-{Caller}-01\r\ntracestate: a=1\r\n\r\n" : "GET /environ HTTP/1.1\r\nHost: test\r\n\r\n");
            seen.Add(JsonDocument.Parse(answer.Text).RootElement.GetProperty("HTTP_TRACEPARENT")[1].GetString()!);
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.Contains(server.Log.Lines, line => line.EndsWith($"Traces and metrics are exported to {receiver.Endpoint}", StringComparison.Ordinal));
        var spans = receiver.Spans;
        Assert.Equal(seen.Order(), spans.Select(span => $"00-{span.GetProperty("trace_id").GetString()}-{span.GetProperty("span_id").GetString()}-01").Order());
        var child = Assert.Single(spans, span => span.TryGetProperty("parent_span_id", out _));
        Assert.Equal((Trace, Caller, "a=1"), (child.GetProperty("trace_id").GetString(), child.GetProperty("parent_span_id").GetString(), child.GetProperty("trace_state").GetString()));
        Assert.All(spans, span => Assert.Equal(("GET", "/environ", "200", "127.0.0.1"),
            (span.GetProperty("name").GetString(), Attribute(span, "url.path"), Attribute(span, "http.response.status_code"), Attribute(span, "client.address"))));
        Assert.Equal(seen.Select(field => field[3..35]).Order(), (await File.ReadAllLinesAsync(folder.File("access.log"))).Order());

        // One message of metrics, at the stop: the interval is a minute. It has the spans that the workers sent last.
        var metrics = receiver.Metrics[^1];
        Assert.Single(receiver.Metrics.Select(message => message.GetProperty("resource").GetProperty("service.instance.id").GetString()).Distinct());
        Assert.Equal((6, 6), (Receiver.Count(metrics, "waitress.requests", ("method", "GET"), ("status", "2xx")), Receiver.Count(metrics, "waitress.requests")));
        Assert.Equal((6, 0), (Receiver.Count(metrics, "waitress.spans", ("outcome", "exported")), Receiver.Count(metrics, "waitress.spans", ("outcome", "dropped"))));
        Assert.All(receiver.Taken, message => Assert.Equal(("shop", "s=cret"), (message.GetProperty("resource").GetProperty("service.name").GetString(), message.GetProperty("headers").GetProperty("api-key").GetString())));
    }

    [Fact]
    public async Task Threads_OfAnAsgiApp_ExportBothWhileTheyServe()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var server = await PythonServer.StartAsync("asgi_suite:app", environment: new Dictionary<string, string>(Quick)
        {
            // Without the option: OpenTelemetry's own variable is enough.
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.Endpoint,
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "100",
        });
        using var client = await server.ConnectAsync();
        var answer = await client.RequestAsync($"GET /scope?q=secret HTTP/1.1\r\nHost: test:81\r\ntraceparent: 00-{Trace}-{Caller}-01\r\n\r\n");
        var field = JsonDocument.Parse(answer.Text).RootElement.GetProperty("headers").EnumerateArray().Single(pair => pair[0].GetString() == "traceparent")[1].GetString();
        Assert.Equal(500, (await client.GetAsync("/raises")).Status);
        await Deadline.Until(() => receiver.Spans.Count == 2, "the spans are there");
        var (first, second) = (receiver.Spans[0], receiver.Spans[1]);
        Assert.Equal(field, $"00-{Trace}-{first.GetProperty("span_id").GetString()}-01");
        Assert.Equal((Caller, "/scope", "test", "81"), (first.GetProperty("parent_span_id").GetString(), Attribute(first, "url.path"), Attribute(first, "server.address"), Attribute(first, "server.port")));
        Assert.Equal((2, "500"), (second.GetProperty("status").GetProperty("code").GetInt32(), Attribute(second, "http.response.status_code")));
        await Deadline.Until(() => receiver.Metrics.Count > 2 && Receiver.Count(receiver.Metrics[^1], "waitress.requests") == 2, "the metrics tell of both");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Processes_OfAnAsgiApp_ExportRequestsAndWebSocketsCompressed()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var server = await PythonServer.StartAsync(
            "asgi_sockets:app", ["--worker-class=process", "--workers=2", "--otlp-endpoint=" + receiver.Endpoint],
            environment: new Dictionary<string, string>(Quick) { ["OTEL_EXPORTER_OTLP_COMPRESSION"] = "gzip" });
        await WorkerProcesses.ServingAsync(server, 2);
        using (var socket = await RawWebSocket.OpenAsync(server.EndPoint, "/echo"))
        {
            await socket.SendAsync(RawWebSocket.Text, "x"u8.ToArray());
            await socket.ReceiveAsync();
            Assert.Empty(receiver.Spans); // Not before it is closed.
            await socket.SendAsync(RawWebSocket.Close, [3, 232]);
            await socket.ReceiveAsync();
        }

        await Deadline.Until(() => receiver.Spans.Count == 1, "the socket's span is there");
        Assert.Equal(0, await server.StopAsync());
        var span = Assert.Single(receiver.Spans);
        Assert.Equal(("GET", "/echo", "101"), (span.GetProperty("name").GetString(), Attribute(span, "url.path"), Attribute(span, "http.response.status_code")));
        Assert.False(span.TryGetProperty("status", out _));
        Assert.True(span.GetProperty("end").GetUInt64() > span.GetProperty("start").GetUInt64());
        Assert.All(receiver.All, message => Assert.Equal("gzip", message.GetProperty("headers").GetProperty("content-encoding").GetString()));
        Assert.Equal(1, Receiver.Count(receiver.Metrics[^1], "waitress.spans", ("outcome", "exported")));
    }

    [Fact]
    public async Task Collector_ThatIsBusyAndThenGone_CostsLinesInTheLogAndNoRequest()
    {
        await using var receiver = await Receiver.StartAsync("503", "503", "429");
        await using var server = await PythonServer.StartAsync("hello:app", ["--otlp-endpoint=" + receiver.Endpoint, "--metrics-path=/metrics"], environment: new Dictionary<string, string>(Quick) { ["OTEL_METRICS_EXPORTER"] = "none" });
        await server.AssertServesAsync();
        await server.Log.WaitForLog("Traces are exported to");
        Assert.Equal(4, receiver.All.Count);
        Assert.Single(server.Log.Lines, line => line.Contains("Traces can't be exported", StringComparison.Ordinal));
        await receiver.EndAsync();
        await server.AssertServesAsync();
        await Deadline.Until(() => server.Log.Lines.Count(line => line.Contains("Traces can't be exported", StringComparison.Ordinal)) == 2, "it is told that the collector is gone");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
        Assert.Empty(receiver.Metrics);
    }

    [Fact]
    public async Task Endpoint_ThatIsNoUrl_IsToldBeforeAnythingIsOpened()
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", "--otlp-endpoint=collector:4318", "hello:app"]);
        Assert.Equal(2, ended.Code);
        Assert.Contains("otlp_endpoint (command line)", ended.ErrorText, StringComparison.Ordinal);
    }
}
