using Waitress.Metrics;

namespace Waitress.Admin;

/// <summary>One row per worker process.</summary>
internal sealed partial class StatusJson
{
    // The processor's share: over what is at least half of it.
    private const int ShareSeconds = 10;

    private void WriteWorkers()
    {
        _json.WriteStartArray("workers");
        foreach (var slot in _now.Taken)
            WriteWorker(slot, (int)_now.Worker(slot, Fact.Pid));
        _json.WriteEndArray();
    }

    private void WriteWorker(int slot, int process)
    {
        var figures = ProcessReader.Read(process);
        var state = (int)_now.Worker(slot, Fact.State);
        _json.WriteStartObject();
        _json.WriteNumber("slot", slot);
        _json.WriteString("name", _now.Worker(slot, Fact.Name).ToString(System.Globalization.CultureInfo.InvariantCulture));
        _json.WriteNumber("pid", process);
        _json.WriteString("state", state > 0 && state <= WorkerStates.Names.Length ? WorkerStates.Names[state - 1] : null);
        _json.WriteString("class", _settings.WorkerClass);
        _json.WriteNumber("generation", _now.Worker(slot, Fact.Generation));
        _json.WriteNumber("started", Seconds(_now.Worker(slot, Fact.Started)));
        _json.WriteNumber("age", Seconds(UnixNow - _now.Worker(slot, Fact.Started)));
        _json.WriteNumber("requests", MetricReading.WorkerRequests(_now, slot));
        _json.WriteNumber("in_flight", _now.Worker(slot, MetricTable.InFlight.Place));
        _json.WriteNumber("queue", _now.Worker(slot, MetricTable.QueueLength.Place));
        _json.WriteNumber("connections", _now.Worker(slot, MetricTable.Open.Place));
        _json.WriteNumber("threads", _now.Worker(slot, MetricTable.Threads.Place));
        _json.WriteNumber("busy_threads", _now.Worker(slot, MetricTable.BusyThreads.Place));
        Known("resident", figures.Resident);
        Known("private", figures.Private);
        Number("cpu", figures.Cpu < 0 ? null : figures.Cpu / 1e9);
        Number("cpu_share", CpuShare(process));
        Known("open_files", figures.OpenFiles);
        Known("system_threads", figures.Threads);
        _json.WriteNumber("python_collections", Enumerable.Range(0, MetricTable.PythonCollections.Series)
            .Sum(generation => _now.Worker(slot, MetricTable.PythonCollections.Place + generation)));
        _json.WriteNumber("dotnet_heap", _now.Worker(slot, MetricTable.DotnetHeap.Place));
        _json.WriteEndObject();
    }

    private double? CpuShare(int process)
    {
        var from = _history.Points().LastOrDefault(point => Elapsed(point, _sample) > ShareSeconds / 2.0 && point.Cpu.ContainsKey(process));
        if (from is null || from.Cpu[process] < 0 || !_sample.Cpu.TryGetValue(process, out var now) || now < 0)
            return null;
        return Math.Round((now - from.Cpu[process]) / 1e9 / Elapsed(from, _sample), 4);
    }

    private void Known(string name, long figure)
    {
        if (figure < 0)
            _json.WriteNull(name);
        else
            _json.WriteNumber(name, figure);
    }
}
