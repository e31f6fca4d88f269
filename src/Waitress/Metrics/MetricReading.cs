using System.Globalization;

namespace Waitress.Metrics;

/// <summary>One number of a metric that is no histogram.</summary>
/// <param name="Labels">In their order.</param>
/// <param name="Value">As on the board: seconds are nanoseconds.</param>
/// <param name="Began">When it began to be counted, nanoseconds since 1970: with the service, or with the process that it is about.</param>
internal readonly record struct MetricSample(IReadOnlyList<KeyValuePair<string, string>> Labels, long Value, long Began);

/// <summary>All figures of one moment, row by row; what makes text or messages of them reads here.</summary>
internal sealed class MetricReading
{
    private readonly string _python;
    private readonly List<(KeyValuePair<string, string> Label, int Slot, int Pid)> _processes = [];
    private readonly Dictionary<int, ProcessFigures> _figures = [];

    public MetricReading(Service service)
    {
        (_python, Now) = (service.Python, service.Read());
        foreach (var slot in Now.Taken)
            _processes.Add((new("slot", Text(slot)), slot, (int)Now.Worker(slot, Fact.Pid)));
        if (Now.Service(Fact.Pid) is > 0 and var supervisor)
            _processes.Add((new("slot", "supervisor"), -1, (int)supervisor));
        foreach (var (_, _, pid) in _processes)
            _figures[pid] = ProcessReader.Read(pid);
    }

    public MetricSnapshot Now { get; }

    /// <summary>When the service was started, nanoseconds since 1970.</summary>
    public long Began => Now.Service(Fact.Started);

    /// <summary>Requests that a worker process has ended.</summary>
    public static long WorkerRequests(MetricSnapshot now, int slot)
    {
        var sum = 0L;
        for (var i = 0; i < MetricTable.Requests.Series; i++)
            sum += now.Worker(slot, MetricTable.Requests.Place + i);
        return sum;
    }

    /// <summary>A row's numbers; not of a histogram, whose places are on the board.</summary>
    public IEnumerable<MetricSample> Samples(MetricRow row) => row.Scope switch
    {
        MetricScope.Sum => Enumerable.Range(0, row.Series).Select(i => new MetricSample(Labels(row, i), Now.Sum(row.Place + i), Began)),
        MetricScope.Largest => [new MetricSample([], Now.Largest(row.Place), Began)],
        MetricScope.Worker => _processes.Where(process => process.Slot >= 0).SelectMany(process => Enumerable.Range(0, row.Series)
            .Select(i => new MetricSample([process.Label, .. Labels(row, i)], Now.Worker(process.Slot, row.Place + i), BeganOf(process.Slot)))),
        MetricScope.MadeOfProcess => _processes.Select(process => OfProcess(row, process.Label, process.Slot, process.Pid)).Where(sample => sample.Value >= 0),
        _ => Made(row),
    };

    private MetricSample OfProcess(MetricRow row, KeyValuePair<string, string> label, int slot, int pid)
    {
        if (row == MetricTable.WorkerInfo)
        {
            var name = slot < 0 ? "supervisor" : Text(Now.Worker(slot, Fact.Name));
            var generation = slot < 0 ? Now.Service(Fact.Generation) : Now.Worker(slot, Fact.Generation);
            return new MetricSample([label, new("name", name), new("pid", Text(pid)), new("generation", Text(generation))], 1, BeganOf(slot));
        }

        // What the system does not tell is -1.
        var figures = _figures[pid];
        var value = row == MetricTable.WorkerStart ? BeganOf(slot)
            : row == MetricTable.WorkerRequests ? slot < 0 ? -1 : WorkerRequests(Now, slot)
            : row == MetricTable.ResidentMemory ? figures.Resident
            : row == MetricTable.PrivateMemory ? figures.Private
            : row == MetricTable.CpuTime ? figures.Cpu
            : row == MetricTable.SystemThreads ? figures.Threads
            : row == MetricTable.OpenFiles ? figures.OpenFiles
            : throw new InvalidOperationException($"Nobody makes {row.Name}");
        return new MetricSample([label], value, BeganOf(slot));
    }

    private IEnumerable<MetricSample> Made(MetricRow row)
    {
        if (row == MetricTable.Workers)
            return Enumerable.Range(0, row.Series).Select(i => new MetricSample(Labels(row, i), Now.Taken.LongCount(slot => Now.Worker(slot, Fact.State) == i + 1), Began));
        if (row == MetricTable.Ready)
            return [new MetricSample([], Service.NotReady(Now) is null ? 1 : 0, Began)];
        if (row == MetricTable.ServiceStart)
            return [new MetricSample([], Began, Began)];
        return row == MetricTable.Build
            ? [new MetricSample([new("version", Service.Version), new("python", _python), new("dotnet", Service.Dotnet)], 1, Began)]
            : throw new InvalidOperationException($"Nobody makes {row.Name}");
    }

    private long BeganOf(int slot) => slot < 0 ? Began : Now.Worker(slot, Fact.Started);

    // The last label changes first, as the board has them.
    private static KeyValuePair<string, string>[] Labels(MetricRow row, int series)
    {
        var labels = new KeyValuePair<string, string>[row.Labels.Count];
        for (var i = row.Labels.Count - 1; i >= 0; i--)
        {
            var label = row.Labels[i];
            labels[i] = new(label.Name, label.Values[series % label.Values.Length]);
            series /= label.Values.Length;
        }

        return labels;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
