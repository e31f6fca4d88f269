using System.Net.Sockets;

namespace Waitress.Listening;

/// <summary>
/// Tells a client that reads slowly from one that does not read: whether it takes bytes at all. Linux has a figure for TCP, which only
/// grows, and for unix sockets one that goes up and down; so any change counts. Elsewhere there is none, and a wait counts as no progress.
/// </summary>
internal static class SocketProgress
{
    // tcp(7); tcpi_bytes_acked in struct tcp_info of linux/tcp.h, whose fields are only ever added at its end.
    private const int Tcp = 6, TcpInfo = 11, BytesAckedAt = 120;

    // asm-generic/socket.h, Linux 4.12; the third of the 32-bit numbers (linux/sock_diag.h, SK_MEMINFO_WMEM_ALLOC) is what our peer's
    // queue holds, in the kernel's blocks of up to 36 KiB: one is given back when the reader has taken all of it.
    private const int SocketLevel = 1, MemoryInfo = 55, QueuedAt = 8;

    /// <summary>
    /// How often a client that takes nothing is looked at before it is given up. The looks lie further and further apart, at k²/64 of
    /// the time: the kernel fills the queue of a unix socket up again, so that even looks could meet a reader always at the same point.
    /// </summary>
    private const int UnixLooks = 8;

    /// <summary>
    /// TCP's figure only grows, so that no look can miss anything: few do, since with many slow readers each look is time taken from the
    /// others (200 of them, looked at each 2 s, were 1 % of a core and doubled the p99 of quick clients on two cores).
    /// </summary>
    private const int TcpLooks = 2;

    /// <summary>A figure that changes when the peer takes bytes; null where the system has none.</summary>
    public static long? Figure(Socket? socket)
    {
        if (socket is null || !OperatingSystem.IsLinux())
            return null;
        Span<byte> info = stackalloc byte[256];
        try
        {
            if (socket.AddressFamily == AddressFamily.Unix)
            {
                return socket.GetRawSocketOption(SocketLevel, MemoryInfo, info) >= QueuedAt + sizeof(uint)
                    ? BitConverter.ToUInt32(info[QueuedAt..])
                    : null;
            }

            return socket.GetRawSocketOption(Tcp, TcpInfo, info) >= BytesAckedAt + sizeof(long)
                ? BitConverter.ToInt64(info[BytesAckedAt..])
                : null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>
    /// Waits for work that ends when the client has taken its bytes; false when it took none for that long, or, where the figure counts
    /// bytes (TCP), fewer than it had to. The work itself goes on.
    /// </summary>
    /// <param name="work">What is waited for.</param>
    /// <param name="socket">The client's; null: there is no figure.</param>
    /// <param name="patience">How long the client may take nothing, or too little.</param>
    /// <param name="least">Bytes per second below which a TCP client takes too little; 0: a single one will do.</param>
    /// <param name="clock">Measures the waits.</param>
    public static async ValueTask<bool> WaitAsync(Task work, Socket? socket, TimeSpan patience, long least, TimeProvider clock)
    {
        var before = Figure(socket);
        var since = clock.GetTimestamp();
        var isUnix = socket?.AddressFamily == AddressFamily.Unix;
        var looks = isUnix ? UnixLooks : TcpLooks;
        for (var look = 1; look <= looks; look++)
        {
            await work.WaitAsync(patience * (2 * look - 1) / (looks * looks), clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (work.IsCompleted)
                return true;
            if (Figure(socket) is not { } now || now == before)
                continue;
            var time = clock.GetTimestamp();
            if (!isUnix && now - before < least * clock.GetElapsedTime(since, time).TotalSeconds)
                continue;
            (before, since) = (now, time);
            look = 0;
        }

        return false;
    }
}
