using Waitress.Configuration;
using Waitress.Metrics;
using Waitress.Telemetry;

namespace Waitress.Otlp;

/// <summary>
/// The thread that sends the metrics of the service, of one process of it alone: the supervisor, or the server without one. What could not be sent is not kept: the
/// next reading has it all, since counters are cumulative.
/// </summary>
internal sealed class MetricsExporter : IDisposable
{
    // At the stop, for the last reading.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Service _service;
    private readonly OtelSettings _settings;
    private readonly OtlpClient _client;
    private readonly OtlpHealth _health;
    private readonly Mailbox _log;
    private readonly TimeProvider _time;
    private readonly string _endpoint, _instance = Guid.NewGuid().ToString();
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _stopping = new();
    private readonly ProtoWriter _writer = new(ProtoWriter.Large);
    private readonly Thread _thread;
    private int _started;

    private MetricsExporter(Settings settings, Service service, Mailbox log, TimeProvider time)
    {
        (_service, _settings, _endpoint, _log, _time) = (service, settings.Otel, settings.OtlpEndpoint!, log, time);
        var url = OtlpClient.Address(_endpoint, "metrics");
        _client = new OtlpClient(url, _settings, time);
        _health = new OtlpHealth("Metrics", url, log);
        _thread = new Thread(Run) { IsBackground = true, Name = "waitress-otlp-metrics" };
    }

    /// <summary>Null when metrics are not exported.</summary>
    public static MetricsExporter? From(Settings settings, Service service, Mailbox log, TimeProvider time) =>
        settings is { OtlpEndpoint: not null, Otel.Metrics: true } ? new MetricsExporter(settings, service, log, time) : null;

    public void Start()
    {
        if (Interlocked.Exchange(ref _started, 1) != 0)
            return;
        _log.Post(LogEvent.OtlpExports, _settings.Traces ? "Traces and metrics" : "Metrics", _endpoint);
        _thread.Start();
    }

    /// <summary>Sends the figures once more, within two seconds, and ends.</summary>
    public void Stop()
    {
        _stopping.Set();
        _stop.CancelAfter(Patience);
        if (Volatile.Read(ref _started) == 1)
            _thread.Join(Patience * 1.5);
    }

    public void Dispose()
    {
        // Called attached, after the stop, so nothing is waited for: a thread that still sends keeps what it uses.
        _stopping.Set();
        if (Volatile.Read(ref _started) == 1 && !_thread.Join(TimeSpan.Zero))
            return;
        _client.Dispose();
        _stop.Dispose();
        _stopping.Dispose();
    }

    private void Run()
    {
        var pause = _settings.Interval;
        while (!_stopping.Wait(pause))
            pause = Export();
        if (!_health.Failing)
            Export();
    }

    // How long to wait until the next reading.
    private TimeSpan Export()
    {
        _writer.Clear();
        MetricsMessage.Write(_writer, _service, _settings, _instance, _time.GetUtcNow());
        var attempt = _client.Send(_writer.Message, _stop.Token);
        _health.Note(attempt, "");
        if (attempt.Delivery != Delivery.Later)
            return _settings.Interval;

        // Earlier than usual, unless the collector wants to be left alone.
        var pause = _health.Pause(attempt);
        return attempt.After is null && pause > _settings.Interval ? _settings.Interval : pause;
    }
}
