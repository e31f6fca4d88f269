using System.Text;
using Waitress.Configuration;
using Waitress.Metrics;

namespace Waitress.Otlp;

/// <summary>
/// All metrics of the service as one ExportMetricsServiceRequest: the rows of /metrics under the names of the instruments. Sums and histograms are cumulative, since
/// the start of the service or of the process that they are about.
/// </summary>
internal static class MetricsMessage
{
    private const ulong Cumulative = 2;

    // The fields of Metric that hold its points, by what it is.
    private const int Gauge = 5, Sum = 7, Histogram = 9;

    // The attributes of a point: of a number, and of a histogram.
    private const int NumberAttributes = 7;

    public static void Write(ProtoWriter to, Service service, OtelSettings settings, string instance, DateTimeOffset at)
    {
        var reading = new MetricReading(service);
        var now = (ulong)((at - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick);
        var resourceMetrics = to.Begin(1);
        OtlpResource.Write(to, settings, instance, null);
        var scopeMetrics = to.Begin(2);
        OtlpResource.WriteScope(to);
        foreach (var row in MetricTable.All)
        {
            var metric = to.Begin(2);
            to.Text(1, Instruments.NameOf(row));
            to.Text(2, row.Help);
            to.Text(3, Instruments.UnitOf(row) ?? "1");
            if (row.Kind == MetricKind.Histogram)
                WriteHistogram(to, row, reading, now);
            else
                WriteNumbers(to, row, reading, now);
            to.End(metric);
        }

        to.End(scopeMetrics);
        to.End(resourceMetrics);
    }

    private static void WriteNumbers(ProtoWriter to, MetricRow row, MetricReading reading, ulong now)
    {
        var isSum = row.Kind == MetricKind.Counter;
        var data = to.Begin(isSum ? Sum : Gauge);
        foreach (var sample in reading.Samples(row))
        {
            var point = to.Begin(1);
            if (isSum)
                to.Fixed64(2, (ulong)sample.Began);
            to.Fixed64(3, now);
            if (row.Unit == "seconds")
                to.Double(4, sample.Value / 1e9);
            else
                to.Fixed64(6, (ulong)sample.Value);
            foreach (var (name, value) in sample.Labels)
                to.Attribute(NumberAttributes, Encoding.UTF8.GetBytes(name), value);
            to.End(point);
        }

        if (isSum)
        {
            to.Number(2, Cumulative);
            to.Number(3, 1); // Monotonic.
        }

        to.End(data);
    }

    private static void WriteHistogram(ProtoWriter to, MetricRow row, MetricReading reading, ulong now)
    {
        var counts = new ulong[row.Bounds.Count + 1];
        var count = 0UL;
        for (var i = 0; i < counts.Length; i++)
            count += counts[i] = (ulong)reading.Now.Sum(row.Place + i);
        var bounds = row.Bounds.Select(bound => BitConverter.DoubleToUInt64Bits(Math.Round(bound * row.Scale, 6))).ToArray();
        var data = to.Begin(Histogram);
        var point = to.Begin(1);
        to.Fixed64(2, (ulong)reading.Began);
        to.Fixed64(3, now);
        to.Fixed64(4, count);
        to.Double(5, reading.Now.Sum(row.SumPlace) * row.Scale);
        to.Packed(6, counts);
        to.Packed(7, bounds);
        to.End(point);
        to.Number(2, Cumulative);
        to.End(data);
    }
}
