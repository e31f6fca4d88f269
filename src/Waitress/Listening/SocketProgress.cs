using System.Buffers.Binary;
using System.Net.Sockets;

namespace Waitress.Listening;

/// <summary>
/// Tells a client that reads slowly from one that does not read: whether it takes bytes at all. Linux counts them for TCP (tcp(7),
/// TCP_INFO); elsewhere there is no such figure, and a wait counts as no progress.
/// </summary>
internal static class SocketProgress
{
    private const int Tcp = 6, TcpInfo = 11;

    // tcpi_bytes_acked in struct tcp_info of linux/tcp.h; fields are only ever added at its end.
    private const int BytesAckedAt = 120;

    /// <summary>Bytes that the peer has acknowledged so far; null where the system does not tell.</summary>
    public static long? BytesTaken(Socket? socket)
    {
        if (socket is null || !OperatingSystem.IsLinux() || socket.AddressFamily == AddressFamily.Unix)
            return null;
        Span<byte> info = stackalloc byte[256];
        try
        {
            return socket.GetRawSocketOption(Tcp, TcpInfo, info) >= BytesAckedAt + sizeof(long)
                ? BinaryPrimitives.ReadInt64LittleEndian(info[BytesAckedAt..])
                : null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>
    /// Waits for work that ends when the client has taken its bytes; false when it took none for that long. The work itself goes on.
    /// </summary>
    public static async ValueTask<bool> WaitAsync(Task work, Socket? socket, TimeSpan patience)
    {
        var before = BytesTaken(socket);
        while (true)
        {
            await work.WaitAsync(patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (work.IsCompleted)
                return true;
            var taken = BytesTaken(socket);
            if (taken is null || taken == before)
                return false;
            before = taken;
        }
    }
}
