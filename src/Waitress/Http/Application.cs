using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Guards;
using Waitress.Metrics;
using Waitress.Response;
using Waitress.Telemetry;
using Waitress.Tracing;
using Waitress.Workers;

namespace Waitress.Http;

/// <summary>
/// Stages 2 to 7 of a request, in their order: what Kestrel hands us, one call per request.
///
/// Receives parsed requests on the I/O thread of their connection, and promises that each gets one answer. Holds no thread
/// while it waits. Each request that has ended is shown to `observed` once, on the thread that ended it. From the moment the Python thread completes the exchange, the rest runs on that thread, detached.
/// </summary>
internal sealed class Application(Settings settings, RequestQueue<Exchange> queue, QueueLimits limits, Watcher watcher, InFlight inFlight, IdleSweep sweep, Mailbox log,
    Action<Exchange>? observed = null, ClientGuard? clients = null, GuardCounts? counts = null, Service? service = null, LiveRequests? live = null,
    Func<Exchange, Refusal?>? loops = null, Tracer? tracer = null) : IHttpApplication<Exchange>
{
    private readonly RequestGuard _guard = new(settings);
    private readonly ProxyHeaders _proxies = new(settings);

    public Exchange CreateContext(IFeatureCollection contextFeatures)
    {
        // Kestrel keeps the exchange for the next request of the connection or stream.
        var kept = contextFeatures as IHostContextContainer<Exchange>;
        var known = kept?.HostContext is { IsSpent: false };
        var exchange = known ? kept!.HostContext! : new Exchange(contextFeatures, settings, sweep, inFlight);

        // The connections are known, apart from the streams of HTTP/2, which come and go.
        if (!known || exchange.IsMultiplexed)
            live?.Add(exchange);
        if (kept is not null)
            kept.HostContext = exchange;
        exchange.Begin();
        if (live is not null)
            exchange.KeepLine();
        inFlight.Enter();
        return exchange;
    }

    public async Task ProcessRequestAsync(Exchange exchange)
    {
        // 1. Guard: the first refusal wins, and the app never hears of it.
        var refusal = Guard(exchange);

        // The metrics are no request of the app's.
        if (refusal is null && settings.MetricsPath is not null && service is not null && AsksForMetrics(exchange))
        {
            await exchange.Response.AnswerAsync(service);
            return;
        }

        tracer?.Begin(exchange);

        // 2. Body: received whole before a worker is asked, so that a slow client holds none.
        var toLoop = loops is not null && (settings.AsgiWebsockets is null || exchange.AsksForWebSocket);
        if (refusal is null && settings.Asynchronous && exchange.HasBody && !toLoop)
            refusal = await ReceiveAsync(exchange);

        // 3. Queue, 4. worker: the app is called and its answer gathered, or sent while it is made.
        // An asynchronous app has an event loop in the place of both, and reads its body as it arrives.
        exchange.Queued();
        refusal ??= toLoop ? loops!(exchange) : Enqueue(exchange);
        if (refusal is null)
        {
            if (!toLoop)
                watcher.Notice();
            await exchange.Served;
        }
        else
            Refuse(exchange, refusal);

        // 5. Send what is left, at the client's pace.
        await exchange.Response.FinishAsync();

        // Kestrel would wait for the rest of a refused body (5 s) before it closes; told that the request was bad it does not. On HTTP/2 it tells
        // the client not to send the rest.
        if (refusal is not null && exchange.HasBody && !exchange.IsMultiplexed)
            throw new BadHttpRequestException(refusal.Reason, refusal.Status);
    }

    public void DisposeContext(Exchange context, Exception? exception)
    {
        switch (exception)
        {
            // Cut on purpose, which was logged where it was decided, or the client went: nothing is wrong here.
            case null or CutException or ConnectionResetException or OperationCanceledException or BadHttpRequestException:
                break;
            case IOException when context.IsMultiplexed && context.ClientGone: // The client has reset the stream while its body was read.
                break;
            case IOException:
                log.Post(LogEvent.StorageFailed, "a response", exception.Message);
                break;
            default:
                log.Post(LogEvent.EngineFault, exception);
                break;
        }

        if (ReferenceEquals(context.Response.Refused, Refusal.RequestTimeout))
            counts?.Note(GuardReason.SlowBody, null);

        // A reset may reach the read of a body before it reaches whoever watches the connection.
        if (exception is ConnectionResetException or OperationCanceledException)
            context.ClientLost();

        // While the exchange still has all of its request; what is done here delays the connection's next request.
        try
        {
            observed?.Invoke(context);
        }
        catch (Exception e)
        {
            // A fault of whoever counts or writes must not leave the exchange, and the stop, waiting for an end.
            log.Post(LogEvent.EngineFault, e);
        }

        context.End();
        inFlight.Leave();
    }

    private bool AsksForMetrics(Exchange exchange) => !exchange.HasBody && exchange.Request.Method is "GET" or "HEAD" && exchange.Path == settings.MetricsPath;

    private Refusal? Guard(Exchange exchange)
    {
        var request = exchange.Request;
        // Where no loop is, nobody could speak anything else than HTTP.
        var connect = loops is not null && exchange is { IsMultiplexed: true, AsksForWebSocket: true } ? exchange.ConnectProtocol : null;
        var refusal = _guard.Check(request.Method, request.RawTarget, request.Protocol, request.Headers, exchange.Received, connect)
            ?? _proxies.Apply(exchange.Received, exchange.Peer.Address, exchange.Client);
        if (refusal is not null)
            clients?.Charge(exchange.Peer.Address);
        else
            refusal = clients?.Judge(exchange.Peer.Address, exchange.Client.RemoteAddr);
        foreach (var warning in exchange.Client.Warnings)
            log.Post(LogEvent.ProxyHeaders, warning);
        return refusal;
    }

    private async ValueTask<Refusal?> ReceiveAsync(Exchange exchange)
    {
        try
        {
            var refusal = await exchange.Body.ReceiveAsync(exchange.BodyReader, exchange.Request.Headers.ContentLength);
            return exchange.BrokenFraming ?? refusal; // The audit's words say what is wrong, Kestrel's that something is.
        }
        catch (Exception e) when (e is (IOException or UnauthorizedAccessException) and not ConnectionResetException && !exchange.ClientGone)
        {
            log.Post(LogEvent.StorageFailed, "a request body", e.Message);
            return Refusal.StorageFailed;
        }
    }

    private Refusal? Enqueue(Exchange exchange)
    {
        switch (queue.Add(exchange))
        {
            case Admission.Queued:
                return null;
            case Admission.Full:
                limits.NoteFull();
                return Refusal.QueueFull;
            default:
                return Refusal.Stopping;
        }
    }

    private void Refuse(Exchange exchange, Refusal refusal)
    {
        exchange.Response.Refuse(refusal);
        if (refusal.Fault == Fault.Client)
            log.Post(LogEvent.Refused, exchange.Peer, refusal.Status, refusal.Detail);
    }
}
