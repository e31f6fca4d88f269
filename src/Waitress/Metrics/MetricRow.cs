namespace Waitress.Metrics;

/// <summary>What a metric is, in Prometheus's and OpenTelemetry's words.</summary>
internal enum MetricKind
{
    Counter, Gauge, Histogram, Info,
}

/// <summary>Where a metric's figures are, and how those of several processes make one.</summary>
internal enum MetricScope
{
    /// <summary>On the board; the sum over all processes. What ended workers have counted stays.</summary>
    Sum,

    /// <summary>On the board; the largest of all processes.</summary>
    Largest,

    /// <summary>On the board; one series per worker process, which ends with it.</summary>
    Worker,

    /// <summary>Made when somebody asks; on no board.</summary>
    Made,

    /// <summary>The same, one series per process.</summary>
    MadeOfProcess,
}

/// <summary>A label and the only values it can have: so each series has a place on the board, and a client can make no new ones.</summary>
internal sealed record MetricLabel(string Name, params string[] Values);

/// <summary>One row per metric: its name without "waitress_" and "_total", its kind, unit and help.</summary>
/// <param name="Name">As Prometheus has it; ends in the unit where there is one.</param>
/// <param name="Instrument">As System.Diagnostics.Metrics and OpenTelemetry have it, without "waitress.".</param>
/// <param name="Kind">What it is.</param>
/// <param name="Unit">"seconds", "bytes" or nothing. On the board seconds are nanoseconds.</param>
/// <param name="Help">One sentence.</param>
internal sealed record MetricRow(string Name, string Instrument, MetricKind Kind, string Unit, string Help)
{
    /// <summary>Stands before every name.</summary>
    public const string Prefix = "waitress_";

    public IReadOnlyList<MetricLabel> Labels { get; init; } = [];

    /// <summary>Of a histogram: the upper bounds, as they are on the board; a last one without bound follows.</summary>
    public IReadOnlyList<long> Bounds { get; init; } = [];

    public MetricScope Scope { get; init; } = MetricScope.Sum;

    public string FullName => Prefix + Name;

    /// <summary>Where its first number is on a board; the rest follow. -1: on no board.</summary>
    public int Place { get; private set; } = -1;

    /// <summary>Combinations of label values.</summary>
    public int Series => Labels.Aggregate(1, (product, label) => product * label.Values.Length);

    /// <summary>Numbers on the board: of a histogram one per bucket and the sum.</summary>
    public int Cells => Scope is MetricScope.Made or MetricScope.MadeOfProcess ? 0 : Kind == MetricKind.Histogram ? Bounds.Count + 2 : Series;

    /// <summary>Of a histogram: where the sum of all values is.</summary>
    public int SumPlace => Place + Bounds.Count + 1;

    /// <summary>What a number of the board is in the metric's unit.</summary>
    public double Scale => Unit == "seconds" ? 1e-9 : 1;

    /// <summary>Whether its numbers are kept when a worker ends.</summary>
    public bool Outlives => Scope == MetricScope.Sum && Kind is MetricKind.Counter or MetricKind.Histogram;

    /// <summary>The bucket of a value: the first whose bound it does not exceed.</summary>
    public int Bucket(long value)
    {
        var bucket = 0;
        while (bucket < Bounds.Count && value > Bounds[bucket])
            bucket++;
        return bucket;
    }

    /// <summary>Called once, by the table.</summary>
    public int PutAt(int place)
    {
        if (Cells > 0)
            Place = place;
        return place + Cells;
    }
}
