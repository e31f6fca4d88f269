using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Waitress.Listening;

/// <summary>Sockets that somebody else bound: the caller of <c>serve(sockets=…)</c>, or systemd before it started this process.</summary>
internal static class InheritedSockets
{
    // sd_listen_fds(3): descriptors are passed from 3 on.
    private const long FirstDescriptor = 3;

    // Far above any unit file; keeps a nonsense count from becoming a list.
    private const int MostDescriptors = 1024;

    /// <summary>
    /// The descriptors of systemd's socket activation (<c>LISTEN_PID</c>, <c>LISTEN_FDS</c>; sd_listen_fds(3)). Empty when the
    /// variables are missing, malformed, or meant for another process.
    /// </summary>
    public static IReadOnlyList<long> FromSystemd(IReadOnlyDictionary<string, string> environment, int processId)
    {
        if (!Number("LISTEN_PID", out var pid) || pid != processId || !Number("LISTEN_FDS", out var count) || count > MostDescriptors)
            return [];
        return [.. Enumerable.Range(0, count).Select(i => FirstDescriptor + i)];

        bool Number(string name, out int value)
        {
            value = 0;
            return environment.TryGetValue(name, out var text) &&
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        }
    }

    /// <summary>
    /// Takes a bound descriptor (on Windows: handle) over and listens on it; it is closed with the result, or here on an error.
    /// A caller that keeps its own socket hands in a duplicate: sharing one descriptor can't work, since .NET leaves it in the
    /// event queue when it is told not to close it, and a second server on the same descriptor would fail.
    /// Null with the reason in <paramref name="error"/> when it is not a bound TCP or unix stream socket.
    /// </summary>
    /// <param name="descriptor">The descriptor's number.</param>
    /// <param name="backlog">For listen(2), which on a socket that listens already changes the backlog's length and nothing else.</param>
    /// <param name="error">The reason, or null.</param>
    /// <param name="unixSocket">A path: where the socket has that name its file is removed at the end, as if it had been made here.</param>
    public static ListenSocket? Adopt(long descriptor, int backlog, out string? error, string? unixSocket = null) =>
        Take(descriptor, backlog, shared: false, unixSocket, out error);

    /// <summary>
    /// The same for a socket that other processes accept from too. It may only be polled and accepted from without waiting: .NET shuts
    /// a socket down when it closes one that a call is waiting on, and that would end the listening of all the others; and a
    /// descriptor that several processes hold can't be taken out of the event queue by closing it.
    /// </summary>
    public static ListenSocket? Share(long descriptor, int backlog, out string? error) =>
        Take(descriptor, backlog, shared: true, null, out error);

    private static ListenSocket? Take(long descriptor, int backlog, bool shared, string? unixSocket, out string? error)
    {
        Socket? socket = null;
        try
        {
            // What is no socket is somebody's open file: looked at, and left alone.
            using (var look = new Socket(new SafeSocketHandle((nint)descriptor, ownsHandle: false)))
            {
                error = look.SocketType == SocketType.Unknown ? "it is not a socket" : null;
                if (error is not null)
                    return null;
            }

            socket = new Socket(new SafeSocketHandle((nint)descriptor, ownsHandle: !shared));
            error = socket.SocketType != SocketType.Stream ? "it is not a stream socket"
                : socket.AddressFamily is not (AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 or AddressFamily.Unix)
                    ? "it is neither TCP nor a unix socket"
                : !IsBound(socket.LocalEndPoint) ? "it is not bound"
                : null;
            if (error is null)
            {
                socket.Listen(backlog);
                if (shared)
                    return new ListenSocket(socket, owner: new SafeFileHandle((nint)descriptor, ownsHandle: true));
                var named = unixSocket is not null && socket.LocalEndPoint?.ToString() == unixSocket;
                return new ListenSocket(socket, named ? UnixSocketFile.At(unixSocket!) : null);
            }
        }
        catch (SocketException e)
        {
            error = e.SocketErrorCode == SocketError.NotSocket ? "it is not a socket" : BindError.Describe(e);
        }
        catch (ArgumentException)
        {
            error = "it is not a descriptor";
        }

        socket?.Dispose();
        return null;
    }

    // An unbound socket has an address too: port 0, or a path without characters.
    private static bool IsBound(EndPoint? local) => local is IPEndPoint ip ? ip.Port != 0 : local?.ToString() is { Length: > 0 };
}
