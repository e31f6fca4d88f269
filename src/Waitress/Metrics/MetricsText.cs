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
    private readonly MetricReading _reading;

    private MetricsText(Service service, bool openMetrics) => (_openMetrics, _reading) = (openMetrics, new MetricReading(service));

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
        if (row.Kind == MetricKind.Histogram)
        {
            Histogram(row);
            return;
        }

        foreach (var sample in _reading.Samples(row))
            Sample(row, sample);
    }

    private void Histogram(MetricRow row)
    {
        var count = 0L;
        for (var i = 0; i <= row.Bounds.Count; i++)
        {
            count += _reading.Now.Sum(row.Place + i);
            var bound = i < row.Bounds.Count ? Bound(row.Bounds[i] * row.Scale) : "+Inf";
            _text.Append(row.FullName).Append("_bucket{le=\"").Append(bound).Append("\"} ").Append(Text(count)).Append('\n');
        }

        _text.Append(row.FullName).Append("_sum ").Append(Value(row, _reading.Now.Sum(row.SumPlace))).Append('\n');
        _text.Append(row.FullName).Append("_count ").Append(Text(count)).Append('\n');
    }

    private void Sample(MetricRow row, in MetricSample sample)
    {
        _text.Append(SampleName(row));
        for (var i = 0; i < sample.Labels.Count; i++)
        {
            var (name, value) = sample.Labels[i];
            _text.Append(i == 0 ? '{' : ',').Append(name).Append("=\"").Append(Escape(value)).Append('"');
        }

        _text.Append(sample.Labels.Count > 0 ? "} " : " ").Append(Value(row, sample.Value)).Append('\n');
    }

    private static string SampleName(MetricRow row) => row.Kind switch
    {
        MetricKind.Counter => row.FullName + "_total",
        MetricKind.Info => row.FullName + "_info",
        _ => row.FullName,
    };

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
