using Microsoft.AspNetCore.Http;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Metrics;

/// <summary>
/// What one worker process counts and measures, written to its region. Any thread may call; a lock that is held for some tens of nanoseconds makes it
/// one at a time, which costs less than an interlocked addition per number.
/// </summary>
internal sealed class WorkerFigures
{
    private static readonly string[] Methods = [.. MetricTable.Requests.Labels[0].Values];
    private static readonly int Statuses = MetricTable.Requests.Labels[1].Values.Length;

    // By the labels, not by the rows: a row with another detail is a row of its own.
    private static readonly Dictionary<string, int> Refusals = MetricTable.Refused.Labels[0].Values
        .Select((label, index) => (label, index)).ToDictionary(pair => pair.label, pair => pair.index, StringComparer.Ordinal);

    private readonly Lock _gate = new();

    // Of its own: what is refreshed is read under locks of the server's, which are held by nobody who records.
    private readonly Lock _refreshing = new();
    private readonly MetricRegion _region;
    private readonly TimeProvider _time;
    private readonly double _nanoseconds;

    /// <param name="board">Where the figures go.</param>
    /// <param name="slot">Whose region it is.</param>
    /// <param name="time">Measures.</param>
    public WorkerFigures(MetricBoard board, int slot, TimeProvider time)
    {
        (Board, _region, _time) = (board, board.OfSlot(slot), time);
        _nanoseconds = 1e9 / time.TimestampFrequency;
    }

    public MetricBoard Board { get; }

    public MetricRegion Region => _region;

    /// <summary>Get each time and size as well while somebody listens.</summary>
    public Instruments? Instruments { get; set; }

    /// <summary>Writes figures that are not counted as they come; asked for before somebody reads, and by the heartbeat.</summary>
    public Action<MetricRegion>? Refreshing { get; set; }

    /// <summary>An ended request, while it still has all that it was.</summary>
    public void Record(Exchange exchange)
    {
        var now = _time.GetTimestamp();
        var times = exchange.Times;
        var refused = exchange.Response.Refused;
        var status = refused?.Status ?? (exchange.Response.Started ? exchange.Response.Status : 0);
        if (exchange.Response.IsUpgraded)
            status = StatusCodes.Status101SwitchingProtocols; // Over HTTP/2 it was 200, which would hide them among the requests.
        var request = MetricTable.Requests.Place + (Method(exchange.Request.Method) * Statuses) + Class(status);
        var size = exchange.Body.Length;
        var answer = exchange.Response.BodyLength;
        lock (_gate)
        {
            _region.Add(request, 1);
            if (exchange.Response.IsUpgraded)
                return; // How long a WebSocket was open tells nothing about requests.
            Measure(MetricTable.Duration, Nanoseconds(now - times.Began));
            if (times.Taken != 0)
            {
                Measure(MetricTable.QueueWait, Nanoseconds(times.Taken - times.Queued));
                Measure(MetricTable.GilWait, Nanoseconds(times.GilWait));
                if (times.Answered != 0)
                    Measure(MetricTable.AppTime, Nanoseconds(times.Answered - times.Taken));
            }

            Measure(MetricTable.RequestSize, size);
            Measure(MetricTable.ResponseSize, answer);
            if (refused is not null)
                Refuse(refused);
        }

        if (Instruments is { Duration.Enabled: true } instruments)
            Pass(instruments, now, times, size, answer);
    }

    /// <summary>A request that was refused before it was one: nobody knows its method.</summary>
    public void RecordRefused(Refusal refusal)
    {
        lock (_gate)
        {
            _region.Add(MetricTable.Requests.Place + ((Methods.Length - 1) * Statuses) + Class(refusal.Status), 1);
            Refuse(refusal);
        }
    }

    public void Accepted(int open)
    {
        lock (_gate)
        {
            _region.Add(MetricTable.Accepted.Place, 1);
            _region[MetricTable.Open.Place] = open;
        }
    }

    public void Closed(int open)
    {
        lock (_gate)
            _region[MetricTable.Open.Place] = open;
    }

    /// <summary>A connection was closed as soon as it was accepted.</summary>
    /// <param name="reason">An index into <see cref="ConnectionRefusals"/>.</param>
    public void NotAccepted(int reason) => Count(MetricTable.NotAccepted, reason);

    /// <summary>Somebody was kept out; of requests the answer is counted anyway.</summary>
    public void KeptOut(GuardReason reason)
    {
        if (reason is GuardReason.DeniedAddress or GuardReason.TooManyConnections)
            NotAccepted(reason == GuardReason.DeniedAddress ? ConnectionRefusals.Denied : ConnectionRefusals.OverLimit);
    }

    /// <summary>One more of a series.</summary>
    public void Count(MetricRow row, int series = 0, long amount = 1)
    {
        lock (_gate)
            _region.Add(row.Place + series, amount);
    }

    /// <summary>Brings what is not counted as it comes up to date.</summary>
    public void Refresh()
    {
        lock (_refreshing)
        {
            Refreshing?.Invoke(_region);
            _region[MetricTable.DotnetHeap.Place] = GC.GetTotalMemory(forceFullCollection: false);
            for (var generation = 0; generation <= 2; generation++)
                _region[MetricTable.DotnetCollections.Place + generation] = GC.CollectionCount(generation);
        }
    }

    // Not under the lock: what listeners do takes its time.
    private void Pass(Instruments instruments, long now, in RequestTimes times, long size, long answer)
    {
        instruments.Record(MetricTable.Duration, Nanoseconds(now - times.Began));
        if (times.Taken != 0)
        {
            instruments.Record(MetricTable.QueueWait, Nanoseconds(times.Taken - times.Queued));
            instruments.Record(MetricTable.GilWait, Nanoseconds(times.GilWait));
            if (times.Answered != 0)
                instruments.Record(MetricTable.AppTime, Nanoseconds(times.Answered - times.Taken));
        }

        instruments.Record(MetricTable.RequestSize, size);
        instruments.Record(MetricTable.ResponseSize, answer);
    }

    private void Refuse(Refusal refusal)
    {
        if (Refusals.TryGetValue(refusal.Label, out var reason))
            _region.Add(MetricTable.Refused.Place + reason, 1);
    }

    private void Measure(MetricRow histogram, long value)
    {
        _region.Add(histogram.Place + histogram.Bucket(value), 1);
        _region.Add(histogram.SumPlace, value);
    }

    private long Nanoseconds(long timestamps) => timestamps <= 0 ? 0 : _time.TimestampFrequency == 1_000_000_000 ? timestamps : (long)(timestamps * _nanoseconds);

    private static int Class(int status) => status is >= 100 and < 600 ? (status / 100) - 1 : status == 0 ? Statuses - 1 : 4;

    private static int Method(string method)
    {
        for (var i = 0; i < Methods.Length - 1; i++)
        {
            if (method == Methods[i])
                return i;
        }

        return Methods.Length - 1;
    }
}
