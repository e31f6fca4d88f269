// W3C Trace Context and the server's own spans.
// Tracer.Begin receives each request after the guards, on its I/O thread, and gives it a place in a trace: the caller's, where its traceparent is valid, else a
// new one. The app gets a traceparent that names our span, so what it does itself is below it. Tracer.Record receives the ended exchange, writes the span into
// memory of that thread and copies it into a bounded queue (the LineQueue of the exporter): neither waits, and what does not fit is counted. Nothing here touches
// Python or a socket. Without --otlp-endpoint there is no tracer, and what clients send passes to the app as it came.
using System.Runtime.InteropServices;
using Waitress.AccessLogging;
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Metrics;
using Waitress.Otlp;
using Waitress.Telemetry;

namespace Waitress.Tracing;

/// <summary>Gives requests their traces, and their spans to the exporter.</summary>
internal sealed class Tracer(Settings settings, LineQueue queue, Mailbox log, WorkerFigures? figures, TimeProvider time)
{
    private const string ParentName = "traceparent", StateName = "tracestate";

    [ThreadStatic]
    private static ProtoWriter? _writer;

    private readonly Sampler _sampler = settings.Otel.Sampler;
    private readonly TraceAllowance? _allowance = settings.Otel.MostTraces is { } most ? new TraceAllowance(most) : null;
    private int _full, _limited;

    /// <summary>Called once per request, when its headers were checked and before anybody reads them.</summary>
    public void Begin(Exchange exchange)
    {
        var headers = exchange.Request.Headers;
        var (parents, states) = (headers.TraceParent, headers.TraceState);
        TraceParent? parent = TraceParent.TryParse(parents, out var parsed) ? parsed : null;
        Span<ulong> random = stackalloc ulong[3];
        Draw(random);
        var id = parent ?? new TraceParent(random[0], random[1], 0, false);
        var sampled = _sampler.Takes(parent, id.Low) && (parent is not null || MayBegin(exchange));

        // Without a caller's traceparent its tracestate means nothing (section 3.3.1 of the specification).
        var state = parent is null ? null : TraceState.Read(states);
        if (state is null && states.Count > 0)
            exchange.Received.Remove(StateName);

        // Nobody records it, so the caller's span stays the nearest that anybody may know.
        if (parent is { Sampled: false } && !sampled)
            return;
        var own = id with { Span = random[2], Sampled = sampled };
        var field = own.ToString();
        if (parents.Count > 0)
            exchange.Received.Set(ParentName, field);
        else
            exchange.Received.Add(ParentName, field);
        exchange.Trace = new RequestTrace(own, parent?.Span ?? 0, state, field);
    }

    /// <summary>The span of an ended request; before its exchange is reset.</summary>
    public void Record(Exchange exchange)
    {
        if (!exchange.Trace.Own.Sampled)
            return;
        var writer = _writer ??= new ProtoWriter();
        writer.Clear();
        var end = (ulong)((time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick);
        var took = (ulong)(Math.Max(0, time.GetElapsedTime(exchange.Times.Began).Ticks) * TimeSpan.NanosecondsPerTick);
        SpanMessage.Write(writer, exchange, settings, end - took, end);
        if (queue.Add(writer.Written, out _))
            return;
        figures?.Count(MetricTable.Spans, MetricTable.SpansDropped);
        if (Interlocked.Exchange(ref _full, 1) == 0)
            log.Post(LogEvent.SpansDropped, settings.OtlpEndpoint);
    }

    /// <summary>The queue has room again, so the next loss is to be told of.</summary>
    public void Emptied() => Volatile.Write(ref _full, 0);

    private bool MayBegin(Exchange exchange)
    {
        if (_allowance is null || _allowance.Take(exchange.Times.Began))
            return true;
        if (Volatile.Read(ref _limited) == 0 && Interlocked.Exchange(ref _limited, 1) == 0)
            log.Post(LogEvent.TracesLimited, settings.Otel.MostTraces);
        return false;
    }

    // Never 0, which is no id.
    private static void Draw(Span<ulong> values)
    {
        do
            Random.Shared.NextBytes(MemoryMarshal.AsBytes(values));
        while (values.Contains(0UL));
    }
}
