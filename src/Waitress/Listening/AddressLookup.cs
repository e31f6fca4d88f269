using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;

namespace Waitress.Listening;

/// <summary>What the names in an item of <c>listen</c> stand for on this machine.</summary>
internal static class AddressLookup
{
    /// <summary>
    /// Every address that the item stands for, in the resolver's order. Empty with <paramref name="error"/> set when there is none:
    /// unknown host or service, or no address in the families left by <c>ipv4</c> and <c>ipv6</c>. Both off means no filter, as in
    /// Waitress.
    /// </summary>
    /// <param name="address">The item.</param>
    /// <param name="ipv4">Whether IPv4 addresses count.</param>
    /// <param name="ipv6">Whether IPv6 addresses count.</param>
    /// <param name="resolve">Name to addresses; throws <see cref="SocketException"/> for an unknown name.</param>
    /// <param name="error">The reason in a few words, or null.</param>
    public static IReadOnlyList<IPEndPoint> Find(ListenAddress address, bool ipv4, bool ipv6, Func<string, IPAddress[]> resolve, out string? error)
    {
        if (!TryPort(address.Port, out var port))
        {
            error = $"no TCP service is named {address.Port}";
            return [];
        }

        IPAddress[] found;
        try
        {
            found = address.Host == "*" ? [IPAddress.Any, IPAddress.IPv6Any]
                : IPAddress.TryParse(address.Host, out var literal) ? [literal]
                : resolve(address.Host);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            found = []; // ArgumentException: longer than a DNS name may be, once its letters beyond ASCII are encoded.
        }

        var all = !ipv4 && !ipv6;
        var kept = found
            .Where(each => each.AddressFamily == AddressFamily.InterNetwork ? all || ipv4
                : each.AddressFamily == AddressFamily.InterNetworkV6 && (all || ipv6))
            .Select(each => new IPEndPoint(each, port))
            .Distinct()
            .ToArray();
        error = kept.Length > 0 ? null : found.Length > 0 ? "its address family is switched off (ipv4, ipv6)" : "the host is unknown";
        return kept;
    }

    // As Waitress: names of services on every system but Windows.
    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port)
        || (!OperatingSystem.IsWindows() && Services.TryFind(text, out port));
}
