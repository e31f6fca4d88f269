using System.Buffers;
using System.Text.Json;
using Waitress.Configuration;
using Waitress.Metrics;

namespace Waitress.Admin;

/// <summary>Writes /status.json, whose description is docs/status.md: the page and waitress-ctl top show what stands there.</summary>
internal sealed partial class StatusJson
{
    private static readonly int[] RateWindows = [10, 60, 300], TimeWindows = [60, 300];

    private static readonly (string Name, MetricRow Row)[] Times =
        [("duration", MetricTable.Duration), ("queue", MetricTable.QueueWait), ("gil", MetricTable.GilWait), ("app", MetricTable.AppTime)];

    private static readonly string[] Statuses = [.. MetricTable.Requests.Labels[1].Values];

    private readonly Utf8JsonWriter _json;
    private readonly Service _service;
    private readonly Settings _settings;
    private readonly History _history;
    private readonly TimeProvider _time;
    private readonly MetricSnapshot _now;
    private readonly Sample _sample;

    private StatusJson(Utf8JsonWriter json, Service service, Settings settings, History history, TimeProvider time)
    {
        (_json, _service, _settings, _history, _time) = (json, service, settings, history, time);
        _now = service.Read();
        _sample = history.Read(_now, cpu: true);
    }

    /// <summary>The whole object.</summary>
    public static byte[] Write(
        Service service, Settings settings, History history, IReadOnlyList<(int Slot, string Report)> reports, bool partial, TimeProvider time)
    {
        var buffer = new ArrayBufferWriter<byte>(16 * 1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            var summary = new ActivitySummary(reports, partial);
            var status = new StatusJson(json, service, settings, history, time);
            json.WriteStartObject();
            json.WriteNumber("time", Seconds(status.UnixNow));
            status.WriteService(summary.Interface);
            status.WriteNow();
            status.WriteTotals();
            status.WriteRates();
            status.WriteTimes();
            status.WriteHistory();
            status.WriteWorkers();
            summary.Write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private long UnixNow => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;

    private void WriteService(string? kind)
    {
        var (supervisor, reason) = (_now.Service(Fact.Pid), Service.NotReady(_now));
        _json.WriteStartObject("service");
        _json.WriteString("version", Service.Version);
        _json.WriteString("python", _service.Python);
        _json.WriteString("app", _service.App);
        _json.WriteString("interface", kind); // A supervisor does not know what auto has found.
        _json.WriteNumber("pid", Environment.ProcessId);
        _json.WriteBoolean("supervised", supervisor != 0);
        _json.WriteString("state", ((ServiceState)_now.Service(Fact.State)).ToString().ToLowerInvariant());
        _json.WriteBoolean("ready", reason is null);
        _json.WriteString("reason", reason);
        _json.WriteNumber("started", Seconds(_now.Service(Fact.Started)));
        _json.WriteNumber("uptime", Seconds(UnixNow - _now.Service(Fact.Started)));
        _json.WriteString("worker_class", _settings.WorkerClass);
        _json.WriteNumber("wanted", _now.Service(Fact.Name));
        _json.WriteNumber("generation", _now.Service(Fact.Generation));
        _json.WriteStartArray("listen");
        foreach (var url in _service.Listen)
            _json.WriteStringValue(url);
        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteNow()
    {
        _json.WriteStartObject("now");
        _json.WriteNumber("in_flight", _now.Sum(MetricTable.InFlight.Place));
        _json.WriteNumber("queue", _now.Sum(MetricTable.QueueLength.Place));
        _json.WriteNumber("oldest_wait", Seconds(_now.Largest(MetricTable.OldestWait.Place)));
        _json.WriteNumber("connections", _now.Sum(MetricTable.Open.Place));
        _json.WriteNumber("threads", _now.Sum(MetricTable.Threads.Place));
        _json.WriteNumber("busy_threads", _now.Sum(MetricTable.BusyThreads.Place));
        _json.WriteStartObject("workers");
        for (var state = 0; state < WorkerStates.Names.Length; state++)
            _json.WriteNumber(WorkerStates.Names[state], _now.Taken.Count(slot => _now.Worker(slot, Fact.State) == state + 1));
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void WriteTotals()
    {
        _json.WriteStartObject("totals");
        _json.WriteNumber("requests", _sample.Total(MetricTable.Requests));
        _json.WriteStartObject("status");
        for (var i = 0; i < Statuses.Length; i++)
            _json.WriteNumber(Statuses[i], OfStatus(_sample, i));
        _json.WriteEndObject();
        _json.WriteNumber("timeouts", _sample.Total(MetricTable.Timeouts));
        Reasons("refused", MetricTable.Refused);
        _json.WriteNumber("bytes_in", _sample.Counters[MetricTable.RequestSize.SumPlace]);
        _json.WriteNumber("bytes_out", _sample.Counters[MetricTable.ResponseSize.SumPlace]);
        _json.WriteNumber("connections", _sample.Total(MetricTable.Accepted));
        Reasons("connections_refused", MetricTable.NotAccepted);
        Reasons("restarts", MetricTable.Restarts);
        _json.WriteNumber("log_lines_lost", _sample.Total(MetricTable.LogLinesLost));
        _json.WriteEndObject();
    }

    private void Reasons(string name, MetricRow row)
    {
        _json.WriteStartObject(name);
        for (var i = 0; i < row.Series; i++)
        {
            if (_sample.Counters[row.Place + i] is > 0 and var count)
                _json.WriteNumber(row.Labels[0].Values[i], count);
        }

        _json.WriteEndObject();
    }

    private void WriteRates()
    {
        _json.WriteStartArray("rates");
        foreach (var window in RateWindows)
        {
            if (_history.Since(window) is not { } from)
                continue;
            var seconds = Elapsed(from, _sample);
            var threads = _now.Sum(MetricTable.Threads.Place);
            _json.WriteStartObject();
            _json.WriteNumber("seconds", (long)Math.Round(seconds));
            Rate("requests", sample => sample.Total(MetricTable.Requests));
            Rate("errors", sample => OfStatus(sample, 4));
            Rate("client_errors", sample => OfStatus(sample, 3));
            Rate("refused", sample => sample.Total(MetricTable.Refused));
            Rate("bytes_in", sample => sample.Counters[MetricTable.RequestSize.SumPlace]);
            Rate("bytes_out", sample => sample.Counters[MetricTable.ResponseSize.SumPlace]);
            var busy = (_sample.Total(MetricTable.BusyTime) - from.Total(MetricTable.BusyTime)) / 1e9;
            _json.WriteNumber("busy", threads == 0 ? 0 : Math.Clamp(Math.Round(busy / seconds / threads, 4), 0, 1));
            _json.WriteEndObject();

            void Rate(string name, Func<Sample, long> count) => _json.WriteNumber(name, Math.Round((count(_sample) - count(from)) / seconds, 3));
        }

        _json.WriteEndArray();
    }

    private void WriteTimes()
    {
        _json.WriteStartArray("times");
        foreach (var window in TimeWindows)
        {
            if (_history.Since(window) is not { } from)
                continue;
            _json.WriteStartObject();
            _json.WriteNumber("seconds", (long)Math.Round(Elapsed(from, _sample)));
            _json.WriteNumber("requests", _sample.Total(MetricTable.Requests) - from.Total(MetricTable.Requests));
            foreach (var (name, row) in Times)
            {
                _json.WriteStartObject(name);
                Number("p50", History.Percentile(row, from, _sample, 0.5));
                Number("p90", History.Percentile(row, from, _sample, 0.9));
                Number("p99", History.Percentile(row, from, _sample, 0.99));
                Number("mean", History.Mean(row, from, _sample));
                _json.WriteEndObject();
            }

            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private void WriteHistory()
    {
        var points = _history.Points();
        var pairs = points.Zip(points.Skip(1)).ToArray();
        _json.WriteStartObject("history");
        _json.WriteNumber("step", History.Step);
        Number("end", points.Count == 0 ? null : Seconds(UnixNow) - _time.GetElapsedTime(points[^1].At).TotalSeconds);
        Curve("requests", (from, to) => Math.Round((to.Total(MetricTable.Requests) - from.Total(MetricTable.Requests)) / Elapsed(from, to), 3));
        Curve("errors", (from, to) => Math.Round((OfStatus(to, 4) - OfStatus(from, 4)) / Elapsed(from, to), 3));
        Curve("p50", (from, to) => History.Percentile(MetricTable.Duration, from, to, 0.5));
        Curve("p99", (from, to) => History.Percentile(MetricTable.Duration, from, to, 0.99));
        Curve("queue_p99", (from, to) => History.Percentile(MetricTable.QueueWait, from, to, 0.99));
        Curve("gil_p99", (from, to) => History.Percentile(MetricTable.GilWait, from, to, 0.99));
        _json.WriteEndObject();

        void Curve(string name, Func<Sample, Sample, double?> value)
        {
            _json.WriteStartArray(name);
            foreach (var (from, to) in pairs)
            {
                if (value(from, to) is { } number)
                    _json.WriteNumberValue(Math.Round(number, 6));
                else
                    _json.WriteNullValue();
            }

            _json.WriteEndArray();
        }
    }

    private void Number(string name, double? value)
    {
        if (value is { } number)
            _json.WriteNumber(name, Math.Round(number, 6));
        else
            _json.WriteNull(name);
    }

    private static long OfStatus(Sample sample, int status)
    {
        var sum = 0L;
        for (var i = status; i < MetricTable.Requests.Series; i += Statuses.Length)
            sum += sample.Counters[MetricTable.Requests.Place + i];
        return sum;
    }

    private double Elapsed(Sample from, Sample to) => Math.Max(_time.GetElapsedTime(from.At, to.At).TotalSeconds, 0.001);

    private static double Seconds(long nanoseconds) => Math.Round(nanoseconds / 1e9, 6);
}
