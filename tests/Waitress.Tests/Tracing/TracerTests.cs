using Waitress.AccessLogging;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;
using Waitress.Tests.Http;
using Waitress.Tests.Otlp;
using Waitress.Tracing;

namespace Waitress.Tests.Tracing;

/// <summary>What an app sees of a trace, and the span of a request, through the stages of a real server.</summary>
public sealed class TracerTests
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c", Span = "b7ad6b7169203331";

    private readonly LineQueue queue = new(linger: TimeSpan.Zero);
    private readonly List<Dictionary<string, string>> seen = [];
    private IReadOnlyList<Mailbox.Entry> told = [];

    private static Settings With(Sampler? sampler = null) => EngineServer.Loopback with
    {
        OtlpEndpoint = "http://collector",
        Otel = new OtelSettings { Sampler = sampler ?? Sampler.Default },
    };

    private void Answer(Exchange exchange)
    {
        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, lines) in exchange.Received.Fields)
            fields[name] = HeaderList.Join(lines);
        seen.Add(fields);
        exchange.Response.Start(int.Parse(exchange.Path.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture), "Whatever");
        exchange.Response.TryGather("Hello"u8);
        exchange.Response.Declare(5);
    }

    private async Task<IReadOnlyList<Message>> SpansAsync(Settings settings, params string[] requests)
    {
        await using (var server = await EngineServer.StartAsync(Answer, settings, tracer: log => new Tracer(settings, queue, log, null, TimeProvider.System)))
        {
            using var client = server.Connect();
            foreach (var request in requests)
            {
                client.Send(request);
                client.Read(isHead: request.StartsWith("HEAD", StringComparison.Ordinal));
            }

            told = await server.StopAsync();
        }

        queue.Close();
        var spans = new List<byte>();
        while (queue.Take(TimeSpan.Zero) is { } block)
        {
            spans.AddRange(block.Content);
            queue.Return(block);
        }

        return new Message(spans.ToArray()).All(SpanMessage.Field);
    }

    private static string Hex(Message span, int field) => Convert.ToHexStringLower(span.Bytes(field));

    [Fact]
    public async Task Span_OfARequest_HasTheConventionsAttributes()
    {
        var before = (ulong)DateTimeOffset.UnixEpoch.Ticks;
        var span = Assert.Single(await SpansAsync(With(), "POST /201?secret=1 HTTP/1.1\r\nHost: shop.example:8080\r\nContent-Length: 3\r\n\r\nabc"));
        Assert.Equal(("POST", 2UL), (span.Text(5), span.Number(6)));
        Assert.True(span.Number(8) >= span.Number(7) && span.Number(7) > before);
        Assert.Equal(new Dictionary<string, string>
        {
            ["http.request.method"] = "POST",
            ["url.path"] = "/201",
            ["url.scheme"] = "http",
            ["server.address"] = "shop.example",
            ["server.port"] = "8080",
            ["client.address"] = "127.0.0.1",
            ["network.protocol.version"] = "1.1",
            ["http.response.status_code"] = "201",
        }, span.Attributes(9));
        Assert.False(span.Has(15));
        Assert.False(span.Has(4));
        Assert.Equal(1UL, span.Number(16));
    }

    [Fact]
    public async Task Spans_OfOneConnection_EachHaveTheirOwnHostAndVersion()
    {
        var spans = await SpansAsync(With(), "GET /200 HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET /200 HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET /200 HTTP/1.1\r\nHost: b\r\n\r\n",
            "GET /200 HTTP/1.0\r\nHost: b\r\nConnection: keep-alive\r\n\r\n", "GET /200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        Assert.Equal(["a:1 1.1", "a:1 1.1", "b:80 1.1", "b:80 1.0", ": 1.0"], spans.Select(span => span.Attributes(9)).Select(each =>
            $"{each.GetValueOrDefault("server.address")}:{each.GetValueOrDefault("server.port")} {each["network.protocol.version"]}"));
        Assert.All(spans, span => Assert.Equal(("http", "127.0.0.1"), (span.Attributes(9)["url.scheme"], span.Attributes(9)["client.address"])));
    }

    [Fact]
    public async Task Begin_WithoutATraceparent_BeginsATraceThatTheAppSees()
    {
        var spans = await SpansAsync(With(), "GET /200 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /200 HTTP/1.1\r\nHost: a\r\ntracestate: a=1\r\n\r\n");
        Assert.Equal(2, spans.Count);
        Assert.NotEqual(Hex(spans[0], 1), Hex(spans[1], 1));
        Assert.All(spans.Zip(seen), pair => Assert.Equal($"00-{Hex(pair.First, 1)}-{Hex(pair.First, 2)}-01", pair.Second["traceparent"]));
        Assert.All(seen, fields => Assert.DoesNotContain("tracestate", fields.Keys));
    }

    [Fact]
    public async Task Begin_WithACallersSpan_IsItsChild()
    {
        var span = Assert.Single(await SpansAsync(With(), $"GET /200 HTTP/1.1\r\nHost: a\r\nTraceparent: 00-{Trace}-{Span}-01\r\nTracestate: a=1\r\ntracestate: b=2\r\nX-Last: 1\r\n\r\n"));
        Assert.Equal((Trace, Span, "a=1, b=2"), (Hex(span, 1), Hex(span, 4), span.Text(3)));
        Assert.NotEqual(Span, Hex(span, 2));
        Assert.Equal(0x301UL, span.Number(16));
        Assert.Equal($"00-{Trace}-{Hex(span, 2)}-01", seen[0]["traceparent"]);
        Assert.Equal(("a=1, b=2", "1"), (seen[0]["tracestate"], seen[0]["x-last"]));
    }

    [Theory]
    [InlineData("traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01\r\n")]
    [InlineData("traceparent: 00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01\r\n")]
    [InlineData("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")]
    public async Task Begin_WithAMalformedTraceparent_BeginsATrace(string fields)
    {
        var span = Assert.Single(await SpansAsync(With(), $"GET /200 HTTP/1.1\r\nHost: a\r\n{fields}tracestate: a=1\r\n\r\n"));
        Assert.False(span.Has(4));
        Assert.NotEqual(Trace, Hex(span, 1));
        Assert.Equal($"00-{Hex(span, 1)}-{Hex(span, 2)}-01", seen[0]["traceparent"]);
        Assert.DoesNotContain("tracestate", seen[0].Keys);
    }

    [Fact]
    public async Task Begin_WithAMalformedTracestate_KeepsTheTrace()
    {
        var span = Assert.Single(await SpansAsync(With(), $"GET /200 HTTP/1.1\r\nHost: a\r\ntracestate: A=1\r\ntraceparent: 00-{Trace}-{Span}-01\r\n\r\n"));
        Assert.Equal((Trace, false), (Hex(span, 1), span.Has(3)));
        Assert.DoesNotContain("tracestate", seen[0].Keys);
    }

    [Fact]
    public async Task Begin_OfWhatTheCallerDoesNotRecord_LeavesItAlone()
    {
        var field = $"00-{Trace}-{Span}-00";
        Assert.Empty(await SpansAsync(With(), $"GET /200 HTTP/1.1\r\nHost: a\r\ntraceparent: {field}\r\ntracestate: a=1\r\n\r\n"));
        Assert.Equal((field, "a=1"), (seen[0]["traceparent"], seen[0]["tracestate"]));
    }

    [Fact]
    public async Task Begin_OfWhatTheSamplerDoesNotTake_TellsTheAppSo()
    {
        Assert.Empty(await SpansAsync(With(Sampler.Parse("always_off", null)), "GET /200 HTTP/1.1\r\nHost: a\r\n\r\n", $"GET /200 HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{Trace}-{Span}-01\r\n\r\n"));
        Assert.True(TraceParent.TryParse(seen[0]["traceparent"], out var root));
        Assert.False(root.Sampled);
        Assert.EndsWith("-00", seen[1]["traceparent"], StringComparison.Ordinal);
        Assert.StartsWith($"00-{Trace}-", seen[1]["traceparent"], StringComparison.Ordinal);
        Assert.DoesNotContain(Span, seen[1]["traceparent"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Begin_OfMoreThanMayBegin_RecordsTheRestOnlyForCallersThatDo()
    {
        var settings = With();
        settings = settings with { Otel = settings.Otel with { MostTraces = 1 } };
        const string Plain = "GET /200 HTTP/1.1\r\nHost: a\r\n\r\n";
        var spans = await SpansAsync(settings, Plain, Plain, $"GET /200 HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{Trace}-{Span}-01\r\n\r\n");
        Assert.Equal(2, spans.Count);
        Assert.Equal(Trace, Hex(spans[1], 1));
        Assert.Equal(["-01", "-00", "-01"], seen.Select(fields => fields["traceparent"][^3..]));
        Assert.Single(told, entry => entry.Event == LogEvent.TracesLimited);
    }

    [Fact]
    public async Task Span_OfErrors_HasStatusAndTypeForThoseOfTheServer()
    {
        var spans = await SpansAsync(With(),
            "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /503 HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "POST /200 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
        Assert.False(spans[0].Has(15));
        Assert.DoesNotContain("error.type", spans[0].Attributes(9).Keys);
        Assert.Equal((2UL, "503", "503"), (spans[1].Inner(15).Number(3), spans[1].Attributes(9)["error.type"], spans[1].Attributes(9)["http.response.status_code"]));
        var brew = spans[2].Attributes(9);
        Assert.Equal(("HTTP", "_OTHER", "BREW", "1.0"), (spans[2].Text(5), brew["http.request.method"], brew["http.request.method_original"], brew["network.protocol.version"]));
        Assert.DoesNotContain("server.address", brew.Keys);
        Assert.Equal(("501", "unknown_coding"), (spans[3].Attributes(9)["http.response.status_code"], spans[3].Attributes(9)["error.type"]));
    }

    [Fact]
    public async Task Span_OfAVeryLongPath_StaysSmall()
    {
        var span = Assert.Single(await SpansAsync(With(), $"GET /200 HTTP/1.1\r\nHost: {new string('h', 3000)}\r\n\r\n"));
        Assert.Equal(1024, span.Attributes(9)["server.address"].Length);
    }

    [Fact]
    public async Task Record_WhenTheQueueIsFull_CountsAndTellsOnce()
    {
        var settings = With();
        var small = new LineQueue(most: 100);
        IReadOnlyList<Mailbox.Entry> log;
        await using (var server = await EngineServer.StartAsync(Answer, settings, tracer: log => new Tracer(settings, small, log, null, TimeProvider.System)))
        {
            using var client = server.Connect();
            for (var i = 0; i < 3; i++)
            {
                client.Send("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n");
                client.Read();
            }

            log = await server.StopAsync();
        }

        Assert.Equal(3, small.Lost);
        Assert.Single(log, entry => entry.Event == LogEvent.SpansDropped);
    }
}
