using System.Diagnostics.Metrics;

namespace Waitress.Metrics;

/// <summary>
/// The same figures as instruments of System.Diagnostics.Metrics, for whoever listens in this process (an OTLP exporter does): the meter "Waitress", one
/// instrument per row of the table that this process can tell of. What is on the board is observed there when it is asked for; times and sizes are
/// recorded one by one, but only while somebody listens, since a listener wants each.
/// </summary>
internal sealed class Instruments : IDisposable
{
    public const string MeterName = "Waitress";

    private readonly Meter _meter = new(MeterName, Service.Version);
    private readonly MetricRegion _region;
    private readonly Dictionary<MetricRow, Histogram<double>> _histograms = [];

    /// <param name="region">This process's.</param>
    public Instruments(MetricRegion region)
    {
        _region = region;
        foreach (var row in MetricTable.All.Where(row => row.Cells > 0))
            Make(row);
        Duration = _histograms[MetricTable.Duration];
    }

    /// <summary>Whether it is listened to; asked once per request.</summary>
    public Histogram<double> Duration { get; }

    public static string NameOf(MetricRow row) => "waitress." + row.Instrument;

    /// <summary>In the notation of UCUM, which OpenTelemetry has; null: it is a count.</summary>
    public static string? UnitOf(MetricRow row) => row.Unit switch
    {
        "seconds" => "s",
        "bytes" => "By",
        _ => null,
    };

    /// <summary>One value of a histogram's.</summary>
    /// <param name="row">The histogram.</param>
    /// <param name="value">As the board would have it: nanoseconds or bytes.</param>
    public void Record(MetricRow row, long value) => _histograms[row].Record(value * row.Scale);

    public void Dispose() => _meter.Dispose();

    private void Make(MetricRow row)
    {
        var (name, unit) = (NameOf(row), UnitOf(row));
        switch (row.Kind)
        {
            case MetricKind.Histogram:
                var advice = new InstrumentAdvice<double> { HistogramBucketBoundaries = [.. row.Bounds.Select(bound => Math.Round(bound * row.Scale, 6))] };
                _histograms[row] = _meter.CreateHistogram(name, unit, row.Help, advice: advice);
                break;
            case MetricKind.Counter:
                _meter.CreateObservableCounter(name, () => Observe(row), unit, row.Help);
                break;
            default:
                _meter.CreateObservableGauge(name, () => Observe(row), unit, row.Help);
                break;
        }
    }

    private IEnumerable<Measurement<double>> Observe(MetricRow row)
    {
        for (var series = 0; series < row.Series; series++)
            yield return new Measurement<double>(_region[row.Place + series] * row.Scale, Tags(row, series));
    }

    private static KeyValuePair<string, object?>[] Tags(MetricRow row, int series)
    {
        var tags = new KeyValuePair<string, object?>[row.Labels.Count];
        for (var i = row.Labels.Count - 1; i >= 0; i--)
        {
            var label = row.Labels[i];
            tags[i] = new(label.Name, label.Values[series % label.Values.Length]);
            series /= label.Values.Length;
        }

        return tags;
    }
}
