using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Waitress.Listening;

/// <summary>
/// A socket that is bound and listening, and what the user is told about it. Owned by <see cref="Listener"/> once a server runs;
/// disposing it stops listening and removes the file of a unix socket that this server made.
/// </summary>
internal sealed class ListenSocket(Socket socket, UnixSocketFile? file = null, SafeHandle? owner = null) : IDisposable
{
    /// <summary>Whether other processes accept from it too; then its owner, a handle of ours, closes the descriptor, and nothing may wait on the socket.</summary>
    public bool IsShared => owner is not null;

    /// <summary>The listening socket itself.</summary>
    public Socket Socket => socket;

    /// <summary>Whether it is a unix socket.</summary>
    public bool IsUnix => socket.AddressFamily == AddressFamily.Unix;

    /// <summary>The bound address in numbers (Waitress's effective_host); <c>unix</c> for a unix socket.</summary>
    public string Host { get; } = socket.LocalEndPoint is IPEndPoint ip ? ip.Address.ToString() : "unix";

    /// <summary>The bound port as decimal digits (Waitress's effective_port); the path for a unix socket.</summary>
    public string Port { get; } = socket.LocalEndPoint is IPEndPoint ip
        ? ip.Port.ToString(CultureInfo.InvariantCulture)
        : file?.Path ?? socket.LocalEndPoint?.ToString() ?? "";

    /// <summary>Whether TLS is spoken on it.</summary>
    public bool IsTls { get; set; }

    /// <summary>What follows "Serving on": <c>http://host:port</c> (or https), IPv6 in brackets, or <c>http://unix:/path</c>.</summary>
    public string Url => $"{(IsTls ? "https" : "http")}://{(socket.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{Host}]" : Host)}:{Port}";

    /// <summary>Its number in this process, for a forked child that closes its copy; on Windows a handle.</summary>
    public long Descriptor => socket.SafeHandle.DangerousGetHandle();

    /// <inheritdoc/>
    public void Dispose() => Close(unlink: true);

    /// <summary>Removes the file of a unix socket that was made here; nobody finds it from then on.</summary>
    public void RemoveFile() => file?.Remove();

    /// <summary>Stops listening; leaves the file of a unix socket when a successor goes on serving behind it.</summary>
    public void Close(bool unlink)
    {
        // The file first: a client that finds the name should find a server behind it.
        if (unlink)
            file?.Remove();
        socket.Dispose();
        owner?.Dispose();
    }
}

/// <summary>How Kestrel is told which open socket an endpoint means; <see cref="ListenerFactory"/> takes it apart again.</summary>
internal sealed class ListenEndPoint(ListenSocket socket) : EndPoint
{
    public ListenSocket Socket => socket;

    /// <inheritdoc/>
    public override AddressFamily AddressFamily => socket.Socket.AddressFamily;

    /// <inheritdoc/>
    public override string ToString() => socket.Url;
}
