namespace Waitress.Metrics;

/// <summary>
/// What Python's garbage collectors have done, one per interpreter, as the package tells it: per generation collections, collected and uncollectable
/// objects, then counts (gc.get_stats, gc.get_count).
/// </summary>
internal static class CollectorFigures
{
    private static readonly MetricRow[] Rows =
        [MetricTable.PythonCollections, MetricTable.PythonCollected, MetricTable.PythonUncollectable, MetricTable.PythonPending];

    /// <summary>How many numbers of it only grow.</summary>
    private static readonly int Counters = 3 * Rows[0].Series;

    /// <summary>Writes the sums.</summary>
    /// <param name="region">Where to.</param>
    /// <param name="former">Of interpreters that have ended.</param>
    /// <param name="now">Of those that are there.</param>
    public static void Write(MetricRegion region, long[] former, IEnumerable<long[]> now)
    {
        var sums = now.Aggregate(former, Plus);
        foreach (var (row, index) in Rows.Select((row, index) => (row, index)))
        {
            for (var series = 0; series < row.Series && (index * row.Series) + series < sums.Length; series++)
                region[row.Place + series] = sums[(index * row.Series) + series];
        }
    }

    /// <summary>What stays of an interpreter that has ended.</summary>
    public static long[] Kept(long[] former, long[] ended) => Plus(former, ended[..Math.Min(ended.Length, Counters)]);

    private static long[] Plus(long[] one, long[] other)
    {
        var (longer, shorter) = one.Length >= other.Length ? (one, other) : (other, one);
        var sum = longer.ToArray();
        for (var i = 0; i < shorter.Length; i++)
            sum[i] += shorter[i];
        return sum;
    }
}
