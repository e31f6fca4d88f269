using System.IO.Pipelines;
using Waitress.Configuration;
using Waitress.Http;

namespace Waitress.Response;

/// <summary>How long a client may take nothing of an answer, or less than min_response_rate: channel_timeout, as an idle connection.</summary>
internal static class ClientPace
{
    /// <summary>
    /// Waits until the client has taken enough; one that takes nothing, or too little, for so long is cut off, so that it holds neither memory nor,
    /// when the app is ahead of it, a thread. Afterwards the exchange knows whether the client is gone.
    /// </summary>
    public static async ValueTask KeepAsync(ValueTask<FlushResult> flush, Exchange exchange, Settings settings)
    {
        if (!flush.IsCompletedSuccessfully)
        {
            var task = flush.AsTask();
            var patience = TimeSpan.FromSeconds(settings.ChannelTimeout);
            if (!await exchange.TakesAsync(task, patience, settings.MinResponseRate))
            {
                exchange.Response.CutOff();
                exchange.ClientLost();
                return;
            }

            flush = new ValueTask<FlushResult>(task);
        }

        if ((await flush).IsCompleted)
            exchange.ClientLost();
    }
}
