using System.IO.Pipelines;

namespace Waitress.Response;

/// <summary>How long a client may take nothing of an answer: channel_timeout, as an idle connection.</summary>
internal static class ClientPace
{
    /// <summary>False when the flush did not complete in that many seconds.</summary>
    public static async ValueTask<bool> Within(ValueTask<FlushResult> flush, int seconds)
    {
        var task = flush.AsTask();
        await ((Task)task).WaitAsync(TimeSpan.FromSeconds(seconds)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return task.IsCompleted;
    }
}
