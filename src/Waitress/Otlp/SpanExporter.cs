using Waitress.AccessLogging;
using Waitress.Configuration;
using Waitress.Metrics;
using Waitress.Telemetry;
using Waitress.Tracing;

namespace Waitress.Otlp;

/// <summary>The thread that sends a worker's spans. Its queue gathers them for a while, and gives them out as they stand in the message.</summary>
internal sealed class SpanExporter : IDisposable
{
    // A batch that can't be delivered for so long is given up, so that what is newer has a chance.
    private static readonly TimeSpan MostAge = TimeSpan.FromMinutes(1);

    // At the stop, for what is queued.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Some 900 spans: a message costs server and collector as much as a few dozen spans do.
    private const int BatchSize = 256 * 1024;

    private readonly LineQueue _queue;
    private readonly Settings _settings;
    private readonly string? _worker;
    private readonly WorkerFigures? _figures;
    private readonly OtlpClient _client;
    private readonly OtlpHealth _health;
    private readonly CancellationTokenSource _stop = new();
    private readonly TimeProvider _time;
    private readonly Thread _thread;
    private readonly ProtoWriter _writer = new(ProtoWriter.Large);
    private readonly string _instance = Guid.NewGuid().ToString();
    private long _lostBefore;
    private int _started;

    private SpanExporter(Settings settings, string? worker, Mailbox log, WorkerFigures? figures, TimeProvider time)
    {
        (_settings, _worker, _figures, _time) = (settings, worker, figures, time);
        var url = OtlpClient.Address(settings.OtlpEndpoint!, "traces");
        _queue = new LineQueue(linger: settings.Otel.Delay, blockSize: BatchSize);
        _client = new OtlpClient(url, settings.Otel, time);
        _health = new OtlpHealth("Traces", url, log);
        _thread = new Thread(Run) { IsBackground = true, Name = "waitress-otlp-traces" };
        Tracer = new Tracer(settings, _queue, log, figures, time);
    }

    public Tracer Tracer { get; }

    /// <summary>Null when spans are not exported.</summary>
    public static SpanExporter? From(Settings settings, string? worker, Mailbox log, WorkerFigures? figures, TimeProvider time) =>
        settings is { OtlpEndpoint: not null, Otel.Traces: true } ? new SpanExporter(settings, worker, log, figures, time) : null;

    public void Start()
    {
        if (Interlocked.Exchange(ref _started, 1) == 0)
            _thread.Start();
    }

    /// <summary>Sends what is queued, as far as that is done within two seconds from here on; <see cref="Join"/> waits for it.</summary>
    public void BeginStop()
    {
        _queue.Close();
        _stop.CancelAfter(Patience);
    }

    /// <summary>Waits for the end; no longer than what is left of the two seconds.</summary>
    public void Join()
    {
        if (Volatile.Read(ref _started) == 1)
            _thread.Join(Patience);
    }

    public void Dispose()
    {
        // Called attached, after the stop, so nothing is waited for: a thread that still sends keeps what it uses.
        _queue.Close();
        if (Volatile.Read(ref _started) == 1 && !_thread.Join(TimeSpan.Zero))
            return;
        _client.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        while (!_queue.Closed || _queue.Waiting > 0)
        {
            if (_queue.Take(Timeout.InfiniteTimeSpan) is not { } block)
                continue;
            var taken = Send(block);
            _figures?.Count(MetricTable.Spans, taken ? MetricTable.SpansExported : MetricTable.SpansDropped, block.Lines);
            _queue.Return(block, taken ? 0 : block.Lines);
            if (_queue.Waiting == 0)
                Tracer.Emptied();
        }
    }

    private bool Send(LineBlock block)
    {
        // Once nobody may wait any more, a collector that was gone is not asked again.
        if (_queue.Closed && (_health.Failing || _stop.IsCancellationRequested))
            return false;
        var message = Message(block.Content);
        var since = _time.GetTimestamp();
        while (true)
        {
            var attempt = _client.Send(message, _stop.Token);
            var lost = _queue.Lost - _lostBefore;
            if (!_health.Failing)
                _lostBefore = _queue.Lost;
            _health.Note(attempt, lost == 0 ? "" : $"; {lost} span(s) were dropped meanwhile");
            if (attempt.Delivery != Delivery.Later)
                return attempt.Delivery == Delivery.Done;
            if (!_queue.Pause(_health.Pause(attempt)) || _time.GetElapsedTime(since) > MostAge)
                return false;
        }
    }

    // ExportTraceServiceRequest { resource_spans { resource, scope_spans { scope, spans... } } }
    private ReadOnlyMemory<byte> Message(ReadOnlySpan<byte> spans)
    {
        _writer.Clear();
        var resourceSpans = _writer.Begin(1);
        OtlpResource.Write(_writer, _settings.Otel, _instance, _worker);
        var scopeSpans = _writer.Begin(2);
        OtlpResource.WriteScope(_writer);
        _writer.Append(spans);
        _writer.End(scopeSpans);
        _writer.End(resourceSpans);
        return _writer.Message;
    }
}
