using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Listening;
using Waitress.Telemetry;
using Waitress.Workers;
using Waitress.Wsgi;

namespace Waitress;

/// <summary>
/// One server, wired in the order of a request's way:
/// listen → HTTP (Kestrel) → guard → body received → queue → a worker attaches → environ → app → response gathered → worker
/// free → Kestrel sends at the client's pace.
/// Made and closed attached, by the thread that runs the server; started and stopped from any thread. Nothing here waits attached.
/// </summary>
internal sealed class Server : IDisposable
{
    private readonly Settings settings;
    private readonly Mailbox log;
    private readonly IReadOnlyList<ListenSocket> sockets;
    private readonly ListenerFactory listeners;
    private readonly InFlight inFlight = new();
    private readonly IdleSweep sweep = new(TimeProvider.System);
    private readonly RequestQueue<Exchange> queue;
    private readonly WsgiApp app;
    private readonly List<Worker> workers = [];
    private readonly Watcher watcher;
    private readonly KestrelServer kestrel;
    private readonly CancellationTokenSource atOnce = new();
    private readonly Lock gate = new();
    private int nextWorker;
    private int users = 1; // This server until it is disposed, and each thread inside Work.
    private Task? start;
    private bool stopping;

    private Server(Settings settings, IReadOnlyList<ListenSocket> sockets, Interpreter interpreter, PyRef app, Mailbox log)
    {
        (this.settings, this.sockets, this.log) = (settings, sockets, log);

        // A connection has one request at a time, so the queue can't be longer than there are connections.
        queue = new RequestQueue<Exchange>(settings.ConnectionLimit + sockets.Count, settings.Concurrency, TimeProvider.System);
        this.app = new WsgiApp(interpreter, app, settings, log);
        for (var i = 0; i < settings.Concurrency; i++)
            workers.Add(new Worker(queue, this.app, TimeProvider.System));
        watcher = new Watcher(queue, workers, interpreter.IsParallel, log, TimeProvider.System);

        var gate = new ConnectionGate(settings.ConnectionLimit, TimeProvider.System, TellCrowded);
        var kestrelLog = new KestrelLog(KestrelReports);
        listeners = new ListenerFactory(settings, gate, kestrelLog, text => log.Post(LogEvent.AcceptFailed, text));
        var wire = new WireOptions(settings.Ident, TimeProvider.System, kestrelLog, RefusedOnTheWire);
        kestrel = new KestrelServer(Options.Create(KestrelSetup.Options(settings, sockets, wire)), listeners, kestrelLog);
    }

    /// <summary>Where it listens, for "Serving on" and effective_listen.</summary>
    public IReadOnlyList<ListenSocket> Sockets => sockets;

    /// <summary>How many Python threads are to call <see cref="Work"/>.</summary>
    public int Threads => workers.Count;

    /// <summary>True when the stop is complete: no connection is left, and the workers go home.</summary>
    public bool Ended { get; private set; }

    /// <summary>Opens the sockets; what can't be opened is an IOException with one line, and nothing stays open.</summary>
    public static Server Open(Settings settings, IReadOnlyDictionary<string, string> environment, Interpreter interpreter, PyRef app, Mailbox log)
    {
        var activated = InheritedSockets.FromSystemd(environment, Environment.ProcessId);
        var outcome = ListenSockets.Open(settings, activated);
        if (outcome.Errors.Count > 0)
            throw new IOException(string.Join("; ", outcome.Errors));
        return new Server(settings, outcome.Sockets, interpreter, app, log);
    }

    /// <summary>Begins to accept connections. Called detached.</summary>
    public void Start()
    {
        lock (gate)
        {
            if (stopping)
                return; // A signal came first; there is nothing to stop.
            watcher.Start();
            start = kestrel.StartAsync(new Application(settings, queue, watcher, inFlight, sweep, log), CancellationToken.None);
        }

        start.GetAwaiter().GetResult();
    }

    /// <summary>The body of one Python worker thread: serves until the server has ended.</summary>
    public void Work()
    {
        Interlocked.Increment(ref users);
        try
        {
            workers[Interlocked.Increment(ref nextWorker) - 1].Run();
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>
    /// Stops accepting, lets requests in flight end for up to graceful_timeout, closes the connections, sends the workers home.
    /// Returns at once; <see cref="Ended"/> tells. Not graceful, or called again so: connections are closed at once.
    /// </summary>
    public void Stop(bool graceful)
    {
        lock (gate)
        {
            if (Ended)
                return;
            if (!graceful)
                atOnce.Cancel();
            if (stopping)
                return;
            stopping = true;
        }

        _ = Task.Run(StopAsync);
    }

    /// <summary>Releases what is left, except what a worker still uses that is stuck in the app. Called attached.</summary>
    public void Dispose()
    {
        foreach (var socket in sockets)
            socket.Dispose();
        kestrel.Dispose();
        listeners.Dispose();
        sweep.Dispose();
        watcher.Dispose();
        atOnce.Dispose();
        Leave();
    }

    // Attached. A worker that comes back from the app after all, when the server is long closed, needs its Python objects till the end.
    private void Leave()
    {
        if (Interlocked.Decrement(ref users) > 0)
            return;
        foreach (var worker in workers)
            worker.Dispose();
        app.Dispose();
    }

    private async Task StopAsync()
    {
        try
        {
            if (start is not null)
            {
                await start;
                await new GracefulStop(settings, kestrel, inFlight, log).RunAsync(atOnce.Token);
            }
        }
        catch (Exception e)
        {
            log.Post(LogEvent.EngineFault, e);
        }

        // The queue last: once it is closed the workers go home, and whoever waits for them disposes what is left.
        watcher.Stop();
        queue.Close();
        lock (gate)
            Ended = true;
        log.Wake();
    }

    // What Kestrel says of an exception has been said by the application already, in better words.
    private void KestrelReports(LogLevel level, string text, Exception? exception)
    {
        if (exception is null)
            log.Post(LogEvent.EngineFault, text);
    }

    private void TellCrowded(bool crowded) => log.Post(crowded ? LogEvent.LimitReached : LogEvent.LimitLeft, settings.ConnectionLimit);

    private void RefusedOnTheWire(RefusedRequest refused) =>
        log.Post(LogEvent.Refused, refused.Remote, refused.Status, refused.Reason);
}
