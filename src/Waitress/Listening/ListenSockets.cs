// Stage 1 of a request's way: where connections come from.
// Receives the settings (and descriptors that systemd passed); gives back sockets that are bound and listening, and Listeners
// that hand their connections to Kestrel.
// Promises: nothing is listening unless everything could be opened; each failure is one line that names the address and the reason,
// never an exception; at the connection limit connections wait in the kernel's backlog, none is refused; a stop takes what the
// kernel has accepted before it closes.
// Open runs on the thread that starts the server; accepting runs on Kestrel's accept loop, one per socket.
using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;

namespace Waitress.Listening;

/// <summary>What <see cref="ListenSockets.Open"/> did: the sockets, or the reasons why there are none.</summary>
internal sealed record OpenOutcome(IReadOnlyList<ListenSocket> Sockets, IReadOnlyList<string> Errors)
{
    /// <summary>The sockets; IOException with every reason in one line when there are none.</summary>
    public IReadOnlyList<ListenSocket> SocketsOrThrow() => Errors.Count == 0 ? Sockets : throw new IOException(string.Join("; ", Errors));
}

/// <summary>Opens every socket that the settings ask for.</summary>
internal static class ListenSockets
{
    /// <summary>
    /// Binds and listens. On any error nothing stays open and every error is told, not the first alone.
    /// </summary>
    /// <param name="settings">Sockets when not empty, else UnixSocket when not null, else Listen.</param>
    /// <param name="activated">
    /// Descriptors from <see cref="InheritedSockets.FromSystemd"/>; they stand in for Listen. Pass none when the user stated
    /// anything about listening.
    /// </param>
    public static OpenOutcome Open(Settings settings, IReadOnlyList<long>? activated = null)
    {
        var sockets = new List<ListenSocket>();
        var errors = new List<string>();
        if (settings.Sockets.Count > 0)
            Adopt(settings.Sockets, settings.Backlog, sockets, errors);
        else if (settings.UnixSocket is { } path)
            Add(UnixSocketFile.Listen(path, settings.UnixSocketPerms, settings.Backlog, out var error),
                $"unix:{path}", error, sockets, errors);
        else if (activated is { Count: > 0 })
            Adopt(activated, settings.Backlog, sockets, errors);
        else
            Bind(settings, sockets, errors);

        return AllOrNone(sockets, errors, unlink: true);
    }

    /// <summary>A worker's: the sockets that its supervisor opened and that the other workers accept from as well.</summary>
    public static OpenOutcome Share(Settings settings, IReadOnlyList<long> descriptors)
    {
        var sockets = new List<ListenSocket>();
        var errors = new List<string>();
        foreach (var descriptor in descriptors)
            Add(InheritedSockets.Share(descriptor, settings.Backlog, out var error), $"socket {descriptor}", error, sockets, errors);
        return AllOrNone(sockets, errors, unlink: false);
    }

    /// <summary>
    /// Takes over what an older supervisor of this service opened and left (USR2): its unix socket file is this one's from then on.
    /// </summary>
    public static OpenOutcome TakeOver(Settings settings, IReadOnlyList<long> inherited)
    {
        var sockets = new List<ListenSocket>();
        var errors = new List<string>();
        foreach (var descriptor in inherited)
            Add(InheritedSockets.Adopt(descriptor, settings.Backlog, out var error, settings.UnixSocket), $"socket {descriptor}", error, sockets, errors);
        return AllOrNone(sockets, errors, unlink: false);
    }

    private static OpenOutcome AllOrNone(List<ListenSocket> sockets, List<string> errors, bool unlink)
    {
        if (errors.Count == 0)
            return new OpenOutcome(sockets, errors);
        foreach (var socket in sockets)
            socket.Close(unlink);
        return new OpenOutcome([], errors);
    }

    private static void Adopt(IReadOnlyList<long> descriptors, int backlog, List<ListenSocket> sockets, List<string> errors)
    {
        foreach (var descriptor in descriptors)
            Add(InheritedSockets.Adopt(descriptor, backlog, out var error), $"socket {descriptor}", error, sockets, errors);
    }

    private static void Bind(Settings settings, List<ListenSocket> sockets, List<string> errors)
    {
        var taken = new HashSet<IPEndPoint>();
        foreach (var text in settings.Listen)
        {
            if (ListenAddress.Parse(text) is not { } address)
            {
                errors.Add(CannotListen(text, "expected host, host:port, [IPv6] or [IPv6]:port"));
                continue;
            }

            var endPoints = AddressLookup.Find(address, settings.Ipv4, settings.Ipv6, Dns.GetHostAddresses, out var reason);
            if (reason is not null)
                errors.Add(CannotListen(address.ToString(), reason));
            // The same address twice is one socket; port 0 twice is two ports.
            BindAll([.. endPoints.Where(endPoint => endPoint.Port == 0 || taken.Add(endPoint))], settings.Backlog, sockets, errors);
        }
    }

    private static void BindAll(IPEndPoint[] endPoints, int backlog, List<ListenSocket> sockets, List<string> errors)
    {
        var failed = new List<(SocketError Code, string Error)>();
        var opened = 0;
        foreach (var endPoint in endPoints)
        {
            try
            {
                sockets.Add(new ListenSocket(Bind(endPoint, backlog)));
                opened++;
            }
            catch (SocketException e)
            {
                failed.Add((e.SocketErrorCode, CannotListen(endPoint.ToString(), BindError.Describe(e, endPoint.Port))));
            }
        }

        // A name (localhost, *) often has an IPv6 address on a machine whose IPv6 is switched off: then its other addresses do.
        errors.AddRange(failed
            .Where(f => opened == 0 || f.Code is not (SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported))
            .Select(f => f.Error));
    }

    private static Socket Bind(IPEndPoint endPoint, int backlog)
    {
        // .NET opens sockets non-inheritable, and on Unix its Bind sets SO_REUSEADDR. Setting the option by hand would set
        // SO_REUSEPORT too, and a second server on the same port would go unnoticed.
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            if (OperatingSystem.IsWindows())
                socket.ExclusiveAddressUse = true;
            socket.Bind(endPoint);
            socket.Listen(backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void Add(ListenSocket? socket, string address, string? error, List<ListenSocket> sockets, List<string> errors)
    {
        if (socket is null)
            errors.Add(CannotListen(address, error!));
        else
            sockets.Add(socket);
    }

    private static string CannotListen(string address, string reason) => $"Cannot listen on {address}: {reason}";
}
