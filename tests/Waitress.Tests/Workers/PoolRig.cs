using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Http;
using Waitress.Tests.Http;
using Waitress.Workers;
using Waitress.Wsgi;

namespace Waitress.Tests.Workers;

/// <summary>
/// A pool without Python, on a clock of its own: the test's thread is the worker's, and a lambda is the app. Exchanges are real ones,
/// from a server over loopback.
/// </summary>
internal sealed class PoolRig : IAsyncDisposable
{
    private readonly EngineServer server;
    private readonly List<RawConnection> clients = [];
    private Func<AppCall, bool> app = _ => true;

    private PoolRig(EngineServer server, Settings settings)
    {
        (this.server, Settings) = (server, settings);
        Queue = new RequestQueue<Exchange>(settings.BacklogLimit ?? 100, Time);
        Limits = new QueueLimits(Queue, TimeSpan.FromSeconds(settings.QueueTimeout), settings.BacklogLimit ?? 100, server.Log, Time);
        Pool = new Pool(new MemoryStream(), call => app(call), Queue, Limits, settings, server.Log, Time);
    }

    public ManualTime Time { get; } = new();

    public Settings Settings { get; }

    public RequestQueue<Exchange> Queue { get; }

    public QueueLimits Limits { get; }

    public Pool Pool { get; }

    public static async Task<PoolRig> StartAsync(Settings settings) => new(await EngineServer.StartAsync(), settings);

    public RequestTimeouts Timeouts() => new(Pool, TimeSpan.FromSeconds(Settings.RequestTimeout), Settings.Supervised, server.Log, Time);

    public IEnumerable<string> Told() => server.Log.Take().Select(entry => entry.Text);

    /// <summary>A thread comes; its ident is 7.</summary>
    public Worker Hire()
    {
        var limit = Settings.RequestTimeout > 0 ? new CallLimit(TimeSpan.FromSeconds(Settings.RequestTimeout), Time, Thread: 7) : null;
        var worker = new Worker(Queue, call => app(call), Limits, limit, Time);
        Pool.Enter(worker);
        return worker;
    }

    /// <summary>A client sends a request, which is not queued yet.</summary>
    public (RawConnection Client, Exchange Exchange) Ask(string target)
    {
        var client = server.Connect();
        clients.Add(client);
        client.Send($"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        return (client, server.Arrived.Take());
    }

    /// <summary>Has the worker serve a new request, and the app do this meanwhile; what it returns is what <see cref="WsgiApp.Serve"/> would.</summary>
    public (RawConnection Client, bool Stays) Serve(Worker worker, string target, Func<AppCall, bool> body)
    {
        var (client, exchange) = Ask(target);
        Assert.Equal(Admission.Queued, Queue.Add(exchange));
        Assert.True(Queue.Wait(worker.Seat));
        app = call =>
        {
            call.LetAppRun();
            return body(call);
        };
        var stays = worker.ServeBatch(woken: 0);
        worker.Outbox.Flush();
        return (client, stays);
    }

    public async ValueTask DisposeAsync()
    {
        clients.ForEach(client => client.Dispose());
        await server.DisposeAsync();
    }
}
