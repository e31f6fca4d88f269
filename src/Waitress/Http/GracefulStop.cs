using Microsoft.AspNetCore.Server.Kestrel.Core;
using Waitress.Configuration;
using Waitress.Telemetry;

namespace Waitress.Http;

/// <summary>
/// The stop, in its order: (1) from now on each answer ends its connection (<see cref="InFlight.BeginDrain"/>); (2) the listeners hand over what the kernel has accepted
/// and close; (3) requests in flight end, and open connections have a moment for a request that is on its way
/// (<see cref="WireGuard"/>); (4) after graceful_timeout what is left is closed. No request that was accepted before the stop is dropped.
/// </summary>
internal sealed class GracefulStop(Settings settings, KestrelServer kestrel, InFlight inFlight, Mailbox log)
{
    public async Task RunAsync(CancellationToken atOnce)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(atOnce);
        limit.CancelAfter(TimeSpan.FromSeconds(settings.GracefulTimeout));
        await using var late = limit.Token.Register(() =>
        {
            if (!atOnce.IsCancellationRequested && inFlight.Count > 0)
                log.Post(LogEvent.StillRunning, inFlight.Count, settings.GracefulTimeout);
        });
        // Kestrel keeps the order, and aborts what is left when the token is cancelled.
        await kestrel.StopAsync(limit.Token);
    }
}
