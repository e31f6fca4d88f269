using System.Globalization;
using System.Text;

namespace Waitress.Metrics;

/// <summary>
/// The figures as text: Prometheus's exposition format 0.0.4, or OpenMetrics 1.0, which differ in the names of families, in info metrics, units and
/// the end. The same samples have the same names in both.
/// </summary>
internal sealed class MetricsText
{
    public const string PrometheusType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private readonly StringBuilder _text = new(32 * 1024);
    private readonly bool _openMetrics;
    private readonly MetricSnapshot _now;
    private readonly string _python;
    private readonly List<(string Labels, int Slot, int Pid)> _processes = [];
    private readonly Dictionary<int, ProcessFigures> _figures = [];

    private MetricsText(Service service, bool openMetrics)
    {
        (_openMetrics, _python, _now) = (openMetrics, service.Python, service.Read());
        foreach (var slot in _now.Taken)
            _processes.Add(($"slot=\"{slot}\"", slot, (int)_now.Worker(slot, Fact.Pid)));
        if (_now.Service(Fact.Pid) is > 0 and var supervisor)
            _processes.Add(("slot=\"supervisor\"", -1, (int)supervisor));
        foreach (var (_, _, pid) in _processes)
            _figures[pid] = ProcessReader.Read(pid);
    }

    /// <summary>The whole text. A few hundred microseconds, mostly for what the system tells of the processes.</summary>
    public static byte[] Write(Service service, bool openMetrics)
    {
        var writer = new MetricsText(service, openMetrics);
        foreach (var row in MetricTable.All)
            writer.Family(row);
        if (openMetrics)
            writer._text.Append("# EOF\n");
        return Encoding.UTF8.GetBytes(writer._text.ToString());
    }

    private void Family(MetricRow row)
    {
        // OpenMetrics names the family, the older format the samples.
        var name = _openMetrics ? row.FullName : SampleName(row);
        var kind = row.Kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            MetricKind.Info when _openMetrics => "info",
            _ => "gauge",
        };
        _text.Append("# HELP ").Append(name).Append(' ').Append(Escape(row.Help)).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(kind).Append('\n');
        if (_openMetrics && row.Unit.Length > 0)
            _text.Append("# UNIT ").Append(name).Append(' ').Append(row.Unit).Append('\n');
        switch (row.Scope)
        {
            case MetricScope.Sum when row.Kind == MetricKind.Histogram:
                Histogram(row);
                break;
            case MetricScope.Sum:
                for (var i = 0; i < row.Series; i++)
                    Sample(row, Labels(row, i), _now.Sum(row.Place + i));
                break;
            case MetricScope.Largest:
                Sample(row, "", _now.Largest(row.Place));
                break;
            case MetricScope.Worker:
                foreach (var (labels, slot, _) in _processes.Where(process => process.Slot >= 0))
                {
                    for (var i = 0; i < row.Series; i++)
                        Sample(row, Join(labels, Labels(row, i)), _now.Worker(slot, row.Place + i));
                }

                break;
            case MetricScope.MadeOfProcess:
                foreach (var (labels, slot, pid) in _processes)
                    OfProcess(row, labels, slot, pid);
                break;
            default:
                Made(row);
                break;
        }
    }

    private void Histogram(MetricRow row)
    {
        var count = 0L;
        for (var i = 0; i <= row.Bounds.Count; i++)
        {
            count += _now.Sum(row.Place + i);
            var bound = i < row.Bounds.Count ? Bound(row.Bounds[i] * row.Scale) : "+Inf";
            _text.Append(row.FullName).Append("_bucket{le=\"").Append(bound).Append("\"} ").Append(Text(count)).Append('\n');
        }

        _text.Append(row.FullName).Append("_sum ").Append(Value(row, _now.Sum(row.SumPlace))).Append('\n');
        _text.Append(row.FullName).Append("_count ").Append(Text(count)).Append('\n');
    }

    private void OfProcess(MetricRow row, string labels, int slot, int pid)
    {
        var figures = _figures[pid];
        if (row == MetricTable.WorkerInfo)
        {
            var name = slot < 0 ? "supervisor" : Text(_now.Worker(slot, Fact.Name));
            Sample(row, Join(labels, $"name=\"{name}\",pid=\"{pid}\",generation=\"{(slot < 0 ? _now.Service(Fact.Generation) : _now.Worker(slot, Fact.Generation))}\""), 1);
            return;
        }

        var value = row == MetricTable.WorkerStart ? slot < 0 ? _now.Service(Fact.Started) : _now.Worker(slot, Fact.Started)
            : row == MetricTable.WorkerRequests ? slot < 0 ? -1 : WorkerRequests(_now, slot)
            : row == MetricTable.ResidentMemory ? figures.Resident
            : row == MetricTable.PrivateMemory ? figures.Private
            : row == MetricTable.CpuTime ? figures.Cpu
            : row == MetricTable.SystemThreads ? figures.Threads
            : row == MetricTable.OpenFiles ? figures.OpenFiles
            : throw new InvalidOperationException($"Nobody makes {row.Name}");
        if (value >= 0)
            Sample(row, labels, value);
    }

    private void Made(MetricRow row)
    {
        if (row == MetricTable.Workers)
        {
            for (var i = 0; i < row.Series; i++)
                Sample(row, Labels(row, i), _now.Taken.LongCount(slot => _now.Worker(slot, Fact.State) == i + 1));
        }
        else if (row == MetricTable.Ready)
            Sample(row, "", Service.NotReady(_now) is null ? 1 : 0);
        else if (row == MetricTable.ServiceStart)
            Sample(row, "", _now.Service(Fact.Started));
        else if (row == MetricTable.Build)
            Sample(row, $"version=\"{Escape(Service.Version)}\",python=\"{Escape(_python)}\",dotnet=\"{Escape(Service.Dotnet)}\"", 1);
        else
            throw new InvalidOperationException($"Nobody makes {row.Name}");
    }

    /// <summary>Requests that a worker process has ended.</summary>
    public static long WorkerRequests(MetricSnapshot now, int slot)
    {
        var sum = 0L;
        for (var i = 0; i < MetricTable.Requests.Series; i++)
            sum += now.Worker(slot, MetricTable.Requests.Place + i);
        return sum;
    }

    private void Sample(MetricRow row, string labels, long value)
    {
        _text.Append(SampleName(row));
        if (labels.Length > 0)
            _text.Append('{').Append(labels).Append('}');
        _text.Append(' ').Append(Value(row, value)).Append('\n');
    }

    private static string SampleName(MetricRow row) => row.Kind switch
    {
        MetricKind.Counter => row.FullName + "_total",
        MetricKind.Info => row.FullName + "_info",
        _ => row.FullName,
    };

    // The last label changes first, as the board has them.
    private static string Labels(MetricRow row, int series)
    {
        var parts = new string[row.Labels.Count];
        for (var i = row.Labels.Count - 1; i >= 0; i--)
        {
            var label = row.Labels[i];
            parts[i] = $"{label.Name}=\"{label.Values[series % label.Values.Length]}\"";
            series /= label.Values.Length;
        }

        return string.Join(',', parts);
    }

    private static string Join(string one, string other) => other.Length == 0 ? one : $"{one},{other}";

    private static string Value(MetricRow row, long value) => row.Unit == "seconds" ? (value / 1e9).ToString("R", CultureInfo.InvariantCulture) : Text(value);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    // OpenMetrics wants a bound to look like a floating-point number always; a series must not change its name with the format.
    private static string Bound(double bound)
    {
        var text = Math.Round(bound, 6).ToString("0.0#####", CultureInfo.InvariantCulture);
        return text;
    }

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
