using System.IO.Pipelines;
using System.Net.Sockets;

namespace Waitress.Http;

/// <summary>
/// Reads on for a moment before a connection closes while the client is still sending. A socket that is closed with unread bytes resets the
/// connection, and a reset can destroy the answer before the client has read it (RFC 9112 section 9.6).
/// </summary>
internal static class Lingering
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    // A client that has paused for this long has sent what it had under way.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Discards input until it ends, pauses, or has lasted two seconds.</summary>
    /// <param name="input">The transport's.</param>
    /// <param name="socket">Tells whether anything is waiting.</param>
    /// <param name="expectMore">Whether to wait for a pause even if nothing is there: a refused client may be amid its request.</param>
    /// <param name="clock">Measures the waits.</param>
    public static async Task DrainAsync(PipeReader input, Socket? socket, bool expectMore, TimeProvider clock)
    {
        var start = clock.GetTimestamp();
        try
        {
            while ((expectMore || socket is { Available: > 0 }) && clock.GetElapsedTime(start) < Longest)
            {
                var read = await input.ReadAsync().AsTask().WaitAsync(Pause, clock);
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }
        catch (TimeoutException)
        {
            // Paused. The read must not be left under way: it would write into memory that is given back (TLS).
            input.CancelPendingRead();
        }
        catch (Exception e) when (e is IOException or SocketException or InvalidOperationException)
        {
            // Gone, or closed by Kestrel: nothing left to wait for.
        }
    }
}
