using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Waitress.AccessLogging;
using Waitress.Asgi;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Dispatch;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Listening;
using Waitress.Metrics;
using Waitress.Otlp;
using Waitress.Processes;
using Waitress.Telemetry;
using Waitress.Tls;
using Waitress.Workers;
using Waitress.Wsgi;

namespace Waitress;

/// <summary>
/// One server, wired in the order of a request's way:
/// listen → HTTP (Kestrel) → guard → body received → queue → a worker attaches → environ → app → response gathered → worker
/// free → Kestrel sends at the client's pace.
/// Made and closed attached, by the thread that runs the server; started and stopped from any thread. Nothing here waits attached.
/// </summary>
internal sealed partial class Server : IDisposable
{
    private readonly Settings _settings;
    private readonly Mailbox _log;
    private readonly IReadOnlyList<ListenSocket> _sockets;
    private readonly ListenerFactory _listeners;
    private readonly InFlight _inFlight;
    private readonly WorkerSlot? _slot;
    private readonly IdleSweep _sweep = new(TimeProvider.System);
    private readonly RequestQueue<Exchange> _queue;
    private readonly QueueLimits _limits;
    private readonly Pool? _pool;
    private volatile Pool[] _pools = []; // Replaced, never changed.
    private readonly Watcher _watcher;
    private readonly KestrelServer _kestrel;
    private readonly CancellationTokenSource _atOnce = new();
    private readonly AccessLog? _accessLog;
    private readonly Lock _gate = new();
    private Task? _start;
    private bool _stopping;
    private readonly Action<Exchange>? _observed; // Whoever wants to see ended requests adds itself while the server is made.

    private Server(
        Settings settings, IReadOnlyList<ListenSocket> sockets, LoadedCertificates? certificates, Handoff? handoff, Interpreter interpreter, PyRef app, Mailbox log,
        AccessLog? accessLog)
    {
        (_settings, _sockets, _log, _accessLog, _interface) = (settings, sockets, log, accessLog, settings.Interface);
        _loops = new EventLoops(settings.LimitConcurrency ?? int.MaxValue);
        if (accessLog is not null)
            _observed += accessLog.Add;
        (_figures, _alone) = OpenFigures(handoff, log);
        _observed += _figures.Record;
        _spans = SpanExporter.From(settings, handoff?.Name, log, _figures, TimeProvider.System);
        _observed += _spans is null ? null : _spans.Tracer.Record;
        if (settings.AdminListen is not null || handoff is { Board: >= 0 })
            (_live, _routes) = (new LiveRequests(), new RouteTable(TimeProvider.System) { Wanted = settings.AdminListen is not null });
        if (settings.AdminListen is not null)
            _collectors = OpenCollectors();
        _observed += _routes is null ? null : _routes.Record;

        // A hand-off without a board is sockets alone: opened as root by a program that has no supervisor.
        _slot = handoff is null or { Board: < 0 } ? null : WorkerSlot.Open(handoff, TimeProvider.System, WriteFigures);
        _inFlight = new InFlight(handoff?.MaxRequests ?? 0, () => Orders!.Recycle("max_requests"), _slot?.Rebalancer);

        // A connection of HTTP/1 has one request at a time, so the queue can't be longer than there are connections. Those of HTTP/2, which may have
        // more, share the same bound.
        var backlog = settings.BacklogLimit ?? (int)Math.Min((long)settings.ConnectionLimit + sockets.Count, int.MaxValue);
        _queue = new RequestQueue<Exchange>(backlog, TimeProvider.System);
        _limits = new QueueLimits(_queue, TimeSpan.FromSeconds(settings.QueueTimeout), backlog, log, TimeProvider.System);
        if (settings.Interpreters == 0 && !IsAsgi)
            _pools = [_pool = NewPool(interpreter, app, null)];
        Orders = _pool?.Orders ?? new Orders(log.Wake);
        LoopHome = new LoopHome(Orders);
        _watcher = new Watcher(_queue, _pool, _limits, settings, interpreter.IsParallel, log, TimeProvider.System);

        var connections = new ConnectionGate(settings.ConnectionLimit, TimeProvider.System, TellCrowded, _slot, _figures);
        var kestrelLog = new KestrelLog(KestrelReports);
        _guards = new GuardCounts(log, TimeProvider.System, _figures.KeptOut);
        _clients = ClientGuard.From(settings, _guards, _slot?.Clients, log, TimeProvider.System);
        _listeners = new ListenerFactory(settings, connections, kestrelLog, text => log.Post(LogEvent.AcceptFailed, text), _slot, _clients);
        var wire = new WireOptions(settings.Ident, TimeProvider.System, kestrelLog, RefusedOnTheWire, () => _inFlight.Retiring);
        _certificates = certificates is null ? null : new CertificateWatch(certificates, TimeProvider.System, log);
        _kestrel = new KestrelServer(Options.Create(KestrelSetup.Options(settings, sockets, wire, NewTls(), Http2Failed)), _listeners, kestrelLog);
        (_service, _admin) = OpenAdmin();
        _metrics = _alone ? MetricsExporter.From(settings, _service, log, TimeProvider.System) : null;
    }

    /// <summary>Where it listens, for "Serving on" and effective_listen.</summary>
    public IReadOnlyList<ListenSocket> Sockets => _sockets;

    /// <summary>Whether the sockets are systemd's: taken once, so the caller forgets the variables that announced them.</summary>
    public bool Activated { get; private init; }

    /// <summary>How many Python threads are to call <see cref="Work"/>.</summary>
    public int Threads => _pool?.Places ?? 0;

    /// <summary>The app and its threads in the main interpreter; null: the app runs in others.</summary>
    public Pool? Pool => _pool;

    /// <summary>For the thread that runs the server. Those of one interpreter go to the thread that carries them out there.</summary>
    public Orders Orders { get; }

    /// <summary>True when the stop is complete: no connection is left, and the workers go home.</summary>
    public bool Ended { get; private set; }

    /// <summary>
    /// Opens the access log, then the sockets, or takes those of the hand-off; what can't be opened is an IOException with one line, and nothing
    /// stays open.
    /// </summary>
    public static Server Open(
        Settings settings, LoadedCertificates? certificates, IReadOnlyDictionary<string, string> environment, Handoff? handoff, Interpreter interpreter, PyRef app,
        Mailbox log)
    {
        // A worker's environment is its supervisor's: what systemd told that one is not meant for this process.
        var activated = handoff is not null || settings.ListenStated ? [] : InheritedSockets.FromSystemd(environment, Environment.ProcessId);
        var accessLog = AccessLog.Open(settings, handoff?.Name, log, handoff is { Again: true });
        var outcome = handoff switch
        {
            null => ListenSockets.Open(settings, activated),

            // This process's alone.
            { Board: < 0 } => ListenSockets.Open(settings with { Sockets = [.. handoff.Sockets] }),
            _ => ListenSockets.Share(settings, handoff.Sockets),
        };
        IReadOnlyList<ListenSocket> sockets = [];
        try
        {
            sockets = outcome.SocketsOrThrow();
            foreach (var socket in sockets)
                socket.IsTls = settings.Tls;
            return new Server(settings, sockets, certificates, handoff, interpreter, app, log, accessLog) { Activated = activated.Count > 0 };
        }
        catch
        {
            foreach (var socket in sockets)
                socket.Dispose();
            accessLog?.Dispose();
            throw;
        }
    }

    /// <summary>Begins to accept connections. Called detached.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (_stopping)
                return; // A signal came first; there is nothing to stop.
            _watcher.Start();
            if (HasLoops)
                _loopWatch = new LoopWatch(_loops, _settings, TimeProvider.System);
            _accessLog?.Start();
            _spans?.Start();
            _metrics?.Start();
            _admin?.Start();
            _collectors?.Change(TimeSpan.Zero, CollectorTime);
            _certificates?.Start();
            _start = _kestrel.StartAsync(NewApplication(), CancellationToken.None);
        }

        _start.GetAwaiter().GetResult();
        lock (_gate)
        {
            if (_stopping)
                return;
            _slot?.Start();
            _listeners.Start();
            TellState(ServiceState.Serving);
        }
    }

    /// <summary>The body of one Python worker thread: serves until the server has ended.</summary>
    public void Work() => _pool?.Work();

    /// <summary>A pool for the app in a further interpreter, to which the caller is attached.</summary>
    /// <param name="interpreter">That interpreter.</param>
    /// <param name="app">The app there.</param>
    /// <param name="wake">Lets the thread look that carries out the pool's orders.</param>
    public Pool Add(Interpreter interpreter, PyRef app, Action wake)
    {
        var most = Math.Max(_settings.ThreadsOfWorker, (_settings.MaxThreads ?? 0) / Math.Max(_settings.Interpreters, 1));
        var pool = NewPool(interpreter, app, new PoolShare(_queue.NewGroup(), _settings.ThreadsOfWorker, most, wake));
        lock (_gate)
            _pools = [.. _pools, pool];
        _watcher.Add(pool);
        return pool;
    }

    /// <summary>Sends the threads of a pool home; what waits is the others' to serve.</summary>
    public void Retire(Pool pool) => _queue.Retire(pool.Share.Group!);

    /// <summary>Forgets a pool whose threads have left, or are stuck for good. Called attached to its interpreter.</summary>
    public void Remove(Pool pool)
    {
        lock (_gate)
        {
            _pools = [.. _pools.Where(other => other != pool)];
            _formerCollectors = CollectorFigures.Kept(_formerCollectors, pool.Collector);
            _formerPools = _formerPools.Plus(pool.Read() with { Threads = 0, Busy = 0, Stuck = 0 });
        }

        _watcher.Remove(pool);
        pool.Dispose();
    }

    /// <summary>
    /// Opens log files anew, after logrotate has moved them, and looks for renewed certificates. Called detached; waits for a file that takes no
    /// bytes, two seconds at most.
    /// </summary>
    public void Reopen()
    {
        _accessLog?.Reopen();
        _certificates?.LookNow();
    }

    private Pool NewPool(Interpreter interpreter, PyRef app, PoolShare? share)
    {
        var wsgi = new WsgiApp(interpreter, app, _settings, _log);
        return new Pool(wsgi, wsgi.Serve, _queue, _limits, _settings, _log, TimeProvider.System, share);
    }

    // What Kestrel says of an exception has been said by the application already, in better words.
    private void KestrelReports(LogLevel level, string text, Exception? exception)
    {
        if (exception is null)
            _log.Post(LogEvent.EngineFault, text);
    }

    private void TellCrowded(bool crowded) => _log.Post(crowded ? LogEvent.LimitReached : LogEvent.LimitLeft, _settings.ConnectionLimit);
}
