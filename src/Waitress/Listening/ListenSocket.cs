using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Waitress.Listening;

/// <summary>
/// A socket that is bound and listening, and what the user is told about it. Owned by <see cref="Listener"/> once a server runs;
/// disposing it stops listening and removes the file of a unix socket that this server made.
/// </summary>
internal sealed class ListenSocket(Socket socket, UnixSocketFile? file = null) : IDisposable
{
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

    /// <summary>What follows "Serving on": <c>http://host:port</c>, IPv6 in brackets, or <c>http://unix:/path</c>.</summary>
    public string Url => socket.AddressFamily == AddressFamily.InterNetworkV6 ? $"http://[{Host}]:{Port}" : $"http://{Host}:{Port}";

    /// <inheritdoc/>
    public void Dispose()
    {
        // The file first: a client that finds the name should find a server behind it.
        file?.Remove();
        socket.Dispose();
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
