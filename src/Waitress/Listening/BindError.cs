using System.Net.Sockets;

namespace Waitress.Listening;

/// <summary>Why an address could not be listened on, in the words of the start-up error line.</summary>
internal static class BindError
{
    public static string Describe(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "the address is already in use",
        SocketError.AccessDenied => "permission denied",
        SocketError.AddressNotAvailable => "no interface of this machine has that address",
        SocketError.AddressFamilyNotSupported => "this system does not support that address family",
        SocketError.TooManyOpenSockets => "too many open files",
        _ => error.Message,
    };

    /// <summary>Ports that only a privileged process may bind; the hint makes the commonest cause plain.</summary>
    public static string Describe(SocketException error, int port) =>
        error.SocketErrorCode == SocketError.AccessDenied && port is > 0 and < 1024
            ? "permission denied (a port below 1024 needs a privilege)"
            : Describe(error);
}
