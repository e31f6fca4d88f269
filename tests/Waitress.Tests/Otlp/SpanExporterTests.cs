using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Metrics;
using Waitress.Otlp;
using Waitress.Telemetry;
using Waitress.Tests.Http;

namespace Waitress.Tests.Otlp;

/// <summary>Spans on their way to a collector that takes them, does not, or is not there.</summary>
public sealed class SpanExporterTests
{
    private const string AtOnce = "Retry-After: 0\r\n";

    private readonly WorkerFigures figures = new(MetricBoard.Private(), 0, TimeProvider.System);

    private (long Exported, long Dropped) Spans => (figures.Region[MetricTable.Spans.Place + MetricTable.SpansExported], figures.Region[MetricTable.Spans.Place + MetricTable.SpansDropped]);

    private static void Answer(Exchange exchange)
    {
        exchange.Response.Start(200, "OK");
        exchange.Response.Declare(0);
    }

    private static string Texts(IEnumerable<Mailbox.Entry> log, params LogEvent[] events) =>
        string.Join('\n', log.Where(entry => events.Contains(entry.Event)).Select(entry => entry.Text));

    /// <summary>Serves a request, lets the test look, another request and so on; the log.</summary>
    private Task<IReadOnlyList<Mailbox.Entry>> ExportAsync(string endpoint, params Action[] looks) => ExportAsync(endpoint, gzip: false, looks);

    private async Task<IReadOnlyList<Mailbox.Entry>> ExportAsync(string endpoint, bool gzip, params Action[] looks)
    {
        var settings = EngineServer.Loopback with
        {
            OtlpEndpoint = endpoint,
            Otel = new OtelSettings { Delay = TimeSpan.Zero, Headers = [new("Api-Key", "s=cret")], ServiceName = "shop", Gzip = gzip },
        };
        SpanExporter? exporter = null;
        var server = await EngineServer.StartAsync(Answer, settings, tracer: log => (exporter = SpanExporter.From(settings, "7", log, figures, TimeProvider.System)!).Tracer);
        exporter!.Start();
        using (var client = server.Connect())
        {
            foreach (var look in looks)
            {
                client.Send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
                client.Read();
                look();
            }
        }

        exporter.BeginStop();
        exporter.Join();
        var log = await server.StopAsync();
        await server.DisposeAsync();
        exporter.Dispose();
        return log;
    }

    [Fact]
    public async Task Export_ToACollector_IsOneMessageWithResourceScopeAndSpans()
    {
        using var collector = new Collector();
        (string Head, byte[] Body) got = default;
        var log = await ExportAsync(collector.Endpoint + "/base/", () => got = collector.Next());
        Assert.StartsWith("POST /base/v1/traces HTTP/1.1\r\n", got.Head, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/x-protobuf\r\n", got.Head, StringComparison.Ordinal);
        Assert.Contains("Api-Key: s=cret\r\n", got.Head, StringComparison.Ordinal);
        Assert.Contains("User-Agent: OTel-OTLP-Exporter-Waitress/", got.Head, StringComparison.Ordinal);
        var resourceSpans = Assert.Single(new Message(got.Body).All(1));
        var resource = resourceSpans.Inner(1).Attributes(1);
        Assert.Equal(("shop", "7", Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture)), (resource["service.name"], resource["waitress.worker"], resource["process.pid"]));
        var scopeSpans = Assert.Single(resourceSpans.All(2));
        Assert.Equal("Waitress", scopeSpans.Inner(1).Text(1));
        Assert.Equal("GET", Assert.Single(scopeSpans.All(2)).Text(5));
        Assert.Empty(log);
        Assert.Equal((1, 0), Spans);
    }

    [Fact]
    public async Task Export_Compressed_IsTheMessageInGzipAlsoWhenItIsSentAgain()
    {
        using var collector = new Collector(Collector.Answer("503 Busy", AtOnce));
        var got = new List<(string Head, byte[] Body)>();
        await ExportAsync(collector.Endpoint, gzip: true, () => got.AddRange([collector.Next(), collector.Next()]), () => got.Add(collector.Next()));
        Assert.Equal(got[0].Body, got[1].Body);
        foreach (var (head, body) in got)
        {
            Assert.Contains("Content-Encoding: gzip\r\n", head, StringComparison.Ordinal);
            using var message = new MemoryStream();
            using (var gzipped = new GZipStream(new MemoryStream(body), CompressionMode.Decompress))
                gzipped.CopyTo(message);
            Assert.Equal("GET", Assert.Single(Assert.Single(Assert.Single(new Message(message.ToArray()).All(1)).All(2)).All(2)).Text(5));
        }
    }

    [Theory]
    [InlineData("429 Too Many Requests")]
    [InlineData("502 Bad Gateway")]
    [InlineData("503 Service Unavailable")]
    [InlineData("504 Gateway Timeout")]
    public async Task Export_AnsweredWithLater_IsSentAgainAndToldOnce(string status)
    {
        using var collector = new Collector(Collector.Answer(status, AtOnce), Collector.Answer(status, AtOnce));
        var bodies = new List<byte[]>();
        var log = await ExportAsync(collector.Endpoint, () => bodies.AddRange(Enumerable.Range(0, 3).Select(_ => collector.Next().Body)));
        Assert.All(bodies, body => Assert.Equal(bodies[0], body));
        Assert.Equal($"Traces can't be exported to {collector.Endpoint}/v1/traces: it answers {status}\nTraces are exported to {collector.Endpoint}/v1/traces again",
            Texts(log, LogEvent.OtlpFailed, LogEvent.OtlpBack));
        Assert.Equal((1, 0), Spans);
    }

    [Theory]
    [InlineData("400 Bad Request")]
    [InlineData("404 Not Found")]
    [InlineData("302 Found")]
    [InlineData("500 Internal Server Error")]
    public async Task Export_AnsweredWithNever_IsDroppedAndToldOnce(string status)
    {
        using var collector = new Collector(Collector.Answer(status), Collector.Answer(status));
        var log = await ExportAsync(collector.Endpoint, () => collector.Next(), () => collector.Next(), () => collector.Next());
        Assert.Equal($"Traces can't be exported to {collector.Endpoint}/v1/traces: it answers {status}\nTraces are exported to {collector.Endpoint}/v1/traces again; 2 span(s) were dropped meanwhile",
            Texts(log, LogEvent.OtlpFailed, LogEvent.OtlpBack));
        Assert.Equal((1, 2), Spans);
    }

    [Fact]
    public async Task Export_TakenInPart_TellsTheCollectorsWordsOnce()
    {
        var partial = Collector.Answer("200 OK", body: "\n\u0006\u0008\u0003\u0012\u0002no");
        using var collector = new Collector(partial, partial);
        var log = await ExportAsync(collector.Endpoint, () => collector.Next(), () => collector.Next(), () => collector.Next());
        Assert.Equal($"{collector.Endpoint}/v1/traces does not take all Traces: 3 rejected: no", Texts(log, LogEvent.OtlpPartial));
    }

    [Fact]
    public async Task Export_ToNobody_IsToldOnceAndTheStopDoesNotWait()
    {
        using var unused = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        unused.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // Bound, so nobody else gets it, and nobody listens.
        var log = await ExportAsync($"http://{unused.LocalEndPoint}", () => { }, () => { });
        Assert.Single(log, entry => entry.Event == LogEvent.OtlpFailed);
        Assert.Equal((0, 2), Spans);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("\n\u0064")]
    [InlineData("\n\u0002\u0008")]
    [InlineData("\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("<html>")]
    public void PartialSuccess_OfAnythingElse_IsNone(string answer) => Assert.Null(PartialSuccess.Read(System.Text.Encoding.Latin1.GetBytes(answer)));
}
