namespace Waitress.Metrics;

/// <summary>All counters of the service at one moment, and the processor time of each process.</summary>
internal sealed record Sample(long At, long[] Counters, IReadOnlyDictionary<int, long> Cpu)
{
    /// <summary>A row's numbers added up.</summary>
    public long Total(MetricRow row) => Range(row.Place, row.Series);

    public long Range(int place, int count) => Counters.AsSpan(place, count).ToArray().Sum();
}

/// <summary>
/// The last five minutes, for rates and curves: a sample a second for ten of them, one each five seconds for all. Taken by a timer where the status page
/// is served, some tens of microseconds a second.
/// </summary>
internal sealed class History : IDisposable
{
    /// <summary>Between two points of a curve.</summary>
    public const int Step = 5;

    private const int Fine = 12, Coarse = (300 / Step) + 2;

    private readonly Service _service;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly LinkedList<Sample> _fine = [], _coarse = [];
    private readonly ITimer _timer;

    public History(Service service, TimeProvider time)
    {
        (_service, _time) = (service, time);
        _timer = time.CreateTimer(static self => ((History)self!).Take(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Start()
    {
        Take();
        _timer.Change(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>The sample that is so old, or the oldest there is; null before the first.</summary>
    public Sample? Since(int seconds)
    {
        var now = _time.GetTimestamp();
        lock (_gate)
        {
            var samples = seconds < Fine ? _fine : _coarse;
            return samples.LastOrDefault(sample => _time.GetElapsedTime(sample.At, now).TotalSeconds >= seconds - 0.5) ?? samples.FirstOrDefault();
        }
    }

    /// <summary>The points of the curves, the oldest first.</summary>
    public IReadOnlyList<Sample> Points()
    {
        lock (_gate)
            return [.. _coarse];
    }

    /// <summary>One sample of this moment.</summary>
    public Sample Read(MetricSnapshot now, bool cpu)
    {
        var processes = cpu ? now.Taken.Select(slot => (int)now.Worker(slot, Fact.Pid)).Distinct().ToDictionary(pid => pid, ProcessReader.Cpu) : [];
        return new Sample(_time.GetTimestamp(), now.Counters(), processes);
    }

    /// <summary>The value below which a share of what a histogram has measured between two samples lies, in its unit; null when it has nothing.</summary>
    public static double? Percentile(MetricRow row, Sample from, Sample to, double share)
    {
        var counts = Enumerable.Range(row.Place, row.Bounds.Count + 1).Select(place => to.Counters[place] - from.Counters[place]).ToArray();
        var all = counts.Sum();
        if (all <= 0)
            return null;
        var rank = share * all;
        for (var i = 0; i < row.Bounds.Count; i++)
        {
            if (rank <= counts[i] && counts[i] > 0)
            {
                var lower = i == 0 ? 0 : row.Bounds[i - 1];
                return (lower + ((row.Bounds[i] - lower) * rank / counts[i])) * row.Scale;
            }

            rank -= counts[i];
        }

        return row.Bounds[^1] * row.Scale; // Beyond the last bound nothing is known but that.
    }

    /// <summary>The mean of what was measured between two samples, in the row's unit; null when there is nothing.</summary>
    public static double? Mean(MetricRow row, Sample from, Sample to)
    {
        var count = to.Range(row.Place, row.Bounds.Count + 1) - from.Range(row.Place, row.Bounds.Count + 1);
        return count <= 0 ? null : (to.Counters[row.SumPlace] - from.Counters[row.SumPlace]) * row.Scale / count;
    }

    private void Take()
    {
        lock (_gate)
        {
            var last = _coarse.Last?.Value;
            var due = last is null || _time.GetElapsedTime(last.At).TotalSeconds > Step - 0.5;
            var sample = Read(_service.Read(), due);
            Keep(_fine, sample, Fine);
            if (due)
                Keep(_coarse, sample, Coarse);
        }
    }

    private static void Keep(LinkedList<Sample> samples, Sample sample, int most)
    {
        samples.AddLast(sample);
        if (samples.Count > most)
            samples.RemoveFirst();
    }
}
