using Waitress.Admin;
using Waitress.CPython;
using Waitress.Listening;
using Waitress.Metrics;
using Waitress.Otlp;
using Waitress.Processes;
using Waitress.Telemetry;

namespace Waitress;

/// <summary>The figures of this process, and, without a supervisor, the admin address that serves them.</summary>
internal sealed partial class Server
{
    private readonly WorkerFigures _figures;
    private readonly bool _alone;
    private readonly Service _service;
    private readonly AdminServer? _admin;
    private readonly SpanExporter? _spans;
    private readonly MetricsExporter? _metrics;

    public IReadOnlyList<ListenSocket> AdminSockets => _admin?.Sockets ?? [];

    /// <summary>The app's name, for the status page.</summary>
    public string? AppName
    {
        get => _service.App;
        set => _service.App = value;
    }

    /// <summary>A worker of a supervisor counts on its board; one whose supervisor is of another version, and a server alone, on their own.</summary>
    private static (WorkerFigures Figures, bool Alone) OpenFigures(Handoff? handoff, Mailbox log)
    {
        var alone = handoff is null or { Board: < 0 };
        var board = handoff is { Metrics: >= 0 } ? MetricBoard.Open(handoff.Metrics) : null;
        if (board is null && !alone)
            log.Post(LogEvent.OtherLayout);
        var figures = new WorkerFigures(board ?? MetricBoard.Private(), board is null ? 0 : handoff!.Slot, TimeProvider.System);
        if (board is null)
            Introduce(figures.Board);
        return (figures, alone);
    }

    private (Service Service, AdminServer? Admin) OpenAdmin()
    {
        _figures.Refreshing = Refresh;
        _figures.Instruments = new Instruments(_figures.Region);
        var service = new Service(_figures.Board) { Refresh = _figures.Refresh, Python = PythonVersion.Number, Listen = [.. _sockets.Select(socket => socket.Url)] };
        return (service, _alone ? AdminServer.Open(_settings, [], new AdminApplication(service, _settings, this), _log) : null);
    }

    private void CloseAdmin()
    {
        _collectors?.Dispose();
        _figures.Instruments?.Dispose();
        _admin?.Dispose();
        _spans?.Dispose();
        _metrics?.Dispose();
    }

    // What a supervisor does otherwise.
    private static void Introduce(MetricBoard board)
    {
        var now = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        var (service, worker) = (board.OfService, board.OfSlot(0));
        (service[Fact.Started], service[Fact.Name], service[Fact.Generation]) = (now, 1, 1);
        (worker[Fact.Pid], worker[Fact.Started], worker[Fact.Name], worker[Fact.Generation]) = (Environment.ProcessId, now, 1, 1);
        worker[Fact.State] = WorkerStates.Number("starting");
    }

    // Only where the board is our own; a supervisor's is told of by the supervisor.
    private void TellState(ServiceState state)
    {
        if (!_alone)
            return;
        _figures.Board.OfService[Fact.State] = (long)state;
        _figures.Board.OfSlot(0)[Fact.State] = WorkerStates.Number(state == ServiceState.Stopping ? "stopping" : "ready");
    }

    private void Refresh(MetricRegion region)
    {
        var (queue, pool) = (_queue.ReadAll(), ReadPools());
        region[MetricTable.InFlight.Place] = _inFlight.Count;
        region[MetricTable.QueueLength.Place] = queue.Waiting;
        region[MetricTable.OldestWait.Place] = queue.Waiting == 0 ? 0 : queue.Oldest.Ticks * TimeSpan.NanosecondsPerTick;
        region[MetricTable.Threads.Place] = pool.Threads;
        region[MetricTable.BusyThreads.Place] = pool.Busy;
        region[MetricTable.StuckThreads.Place] = pool.Stuck;
        region[MetricTable.BusyTime.Place] = pool.BusyTime;
        region[MetricTable.Timeouts.Place] = pool.TimedOut;
        region[MetricTable.LogLinesLost.Place] = _log.Lost;
        region[MetricTable.LogLinesLost.Place + 1] = AccessLogLost;
        var loops = _loops.Sums;
        region[MetricTable.WebSockets.Place] = _loops.All.Sum(loop => loop.Sockets);
        region[MetricTable.Messages.Place] = loops.Received;
        region[MetricTable.Messages.Place + 1] = loops.Sent;
        region[MetricTable.LoopStalls.Place] = loops.Stalls;
        lock (_gate)
            CollectorFigures.Write(region, _formerCollectors, _pools.Select(each => each.Collector).Concat(Homes.Select(each => each.Collector)));
    }
}
