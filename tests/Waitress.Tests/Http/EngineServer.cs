using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Listening;
using Waitress.Metrics;
using Waitress.Telemetry;
using Waitress.Tests.Telemetry;
using Waitress.Tls;
using Waitress.Tracing;
using Waitress.Workers;

namespace Waitress.Tests.Http;

/// <summary>
/// The stages of a request as <see cref="Server"/> wires them, with C# in the place of the Python side: one worker thread that
/// does to each exchange what the test says. Without that, exchanges are left for the test in <see cref="Arrived"/>.
/// </summary>
internal sealed class EngineServer : IAsyncDisposable
{
    private readonly (Socket Reader, Socket Writer) wake = MailboxTests.Connected();
    private readonly RequestQueue<Exchange> queue;
    private readonly Watcher watcher;
    private readonly ListenerFactory listeners;
    private readonly KestrelServer kestrel;
    private readonly ListenSocket socket;
    private readonly Seat seat = new();
    private readonly IdleSweep sweep = new(TimeProvider.System);
    private readonly Action<Exchange>? serve;
    private readonly ConcurrentQueue<Exception> failures = [];

    private EngineServer(Settings settings, Action<Exchange>? serve, WorkerFigures? figures, LiveRequests? live, Action<Exchange>? observed, Func<Mailbox, Tracer>? makeTracer)
    {
        this.serve = serve;
        Log = new Mailbox((int)wake.Writer.Handle);
        queue = new RequestQueue<Exchange>(settings.BacklogLimit ?? 100, TimeProvider.System);
        queue.Join(seat);
        var limits = new QueueLimits(queue, TimeSpan.FromSeconds(settings.QueueTimeout), settings.BacklogLimit ?? 100, Log, TimeProvider.System);
        watcher = new Watcher(queue, new Pool(seat, _ => true, queue, limits, settings, Log, TimeProvider.System), limits, settings, parallel: false, Log, TimeProvider.System);
        var outcome = ListenSockets.Open(settings);
        Assert.Empty(outcome.Errors);
        socket = outcome.Sockets[0];
        var kestrelLog = new KestrelLog((_, text, exception) =>
        {
            if (exception is null)
                Log.Post(LogEvent.EngineFault, text);
        });
        var wire = new WireOptions(settings.Ident, TimeProvider.System, kestrelLog, refused => figures?.RecordRefused(refused.Refusal));
        var errors = new List<string>();
        Certificates = CertificateFiles.Open(settings, errors) is { } certificates ? new CertificateWatch(certificates, TimeProvider.System, Log) : null;
        Assert.Empty(errors);
        var tls = Certificates is null ? null : new TlsOptions(
            Certificates, settings.Ident, TimeProvider.System, Log, failure => figures?.Count(MetricTable.HandshakesFailed, (int)failure));
        listeners = new ListenerFactory(settings, new ConnectionGate(100, TimeProvider.System, figures: figures), kestrelLog);
        kestrel = new KestrelServer(Options.Create(KestrelSetup.Options(settings, outcome.Sockets, wire, tls, (_, reason) => Ended.Enqueue(reason))), listeners, kestrelLog);
        observed += figures is null ? null : figures.Record;
        var tracer = makeTracer?.Invoke(Log);
        observed += tracer is null ? null : tracer.Record;
        Application = new Application(settings, queue, limits, watcher, InFlight, sweep, Log, observed,
            service: figures is null ? null : new Service(figures.Board), live: live, tracer: tracer);
        Worker = new Thread(Work) { IsBackground = true };
    }

    public static Settings Loopback { get; } = new() { Listen = ["127.0.0.1:0"] };

    public InFlight InFlight { get; } = new();

    public Mailbox Log { get; }

    public CertificateWatch? Certificates { get; }

    /// <summary>Why connections of HTTP/2 were ended.</summary>
    public ConcurrentQueue<string> Ended { get; } = [];

    public IPEndPoint EndPoint => (IPEndPoint)socket.Socket.LocalEndPoint!;

    public Application Application { get; }

    public QueueState Queue => queue.Read();

    public Thread Worker { get; }

    public BlockingCollection<Exchange> Arrived { get; } = [];

    public static async Task<EngineServer> StartAsync(
        Action<Exchange>? serve = null, Settings? settings = null, WorkerFigures? figures = null, LiveRequests? live = null, Action<Exchange>? observed = null,
        Func<Mailbox, Tracer>? tracer = null)
    {
        var server = new EngineServer(settings ?? Loopback, serve, figures, live, observed, tracer);
        server.Worker.Start();
        await server.kestrel.StartAsync(server.Application, CancellationToken.None);
        return server;
    }

    public RawConnection Connect(int receiveBuffer = 0) => new((IPEndPoint)socket.Socket.LocalEndPoint!, receiveBuffer);

    /// <summary>Stops as the server does; what the requests logged is complete then.</summary>
    public async Task<IReadOnlyList<Mailbox.Entry>> StopAsync()
    {
        await kestrel.StopAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);
        queue.Close();
        Assert.True(Worker.Join(TimeSpan.FromSeconds(20)), "The worker did not come home");
        if (failures.TryDequeue(out var failure))
            ExceptionDispatchInfo.Throw(failure);
        return Log.Take();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        kestrel.Dispose();
        listeners.Dispose();
        watcher.Dispose();
        sweep.Dispose();
        Certificates?.Dispose();
        Log.Dispose();
        wake.Reader.Dispose();
        wake.Writer.Dispose();
        seat.Dispose();
    }

    private void Work()
    {
        while (queue.Wait(seat))
        {
            while (queue.TryTake(seat, out var exchange, out _))
            {
                if (serve is null)
                {
                    Arrived.Add(exchange);
                    continue;
                }

                try
                {
                    serve(exchange);
                }
                catch (Exception e)
                {
                    failures.Enqueue(e);
                }

                exchange.Complete();
            }
        }
    }
}
