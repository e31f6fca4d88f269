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
        // Kestrel keeps the order, and aborts what is left when the token is cancelled. By us and not by a timer of the token's: Kestrel's
        // callback would run before ours, and the requests be gone before they are counted.
        using var limit = new CancellationTokenSource();
        var stopped = kestrel.StopAsync(limit.Token);
        try
        {
            await stopped.WaitAsync(TimeSpan.FromSeconds(settings.GracefulTimeout), atOnce);
        }
        catch (TimeoutException)
        {
            if (inFlight.Count is > 0 and var count)
                log.Post(LogEvent.StillRunning, count, settings.GracefulTimeout);
        }
        catch (OperationCanceledException)
        {
            // A second signal: whoever sent it knows.
        }

        await limit.CancelAsync();
        await stopped;
    }
}
