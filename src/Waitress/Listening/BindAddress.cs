using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Waitress.Listening;

/// <summary>
/// One item of <c>listen</c>: a host and a port as written. Host <c>*</c> means every interface of both families; the port is a
/// number or, except on Windows, the name of a TCP service.
/// </summary>
/// <param name="Host">A name, an IPv4 address, an IPv6 address without its brackets, or <c>*</c>.</param>
/// <param name="Port">Decimal digits (0: any free port) or a service name.</param>
internal sealed record BindAddress(string Host, string Port)
{
    private static readonly SearchValues<char> NotInHost = SearchValues.Create(" \t,[]/");
    private static readonly SearchValues<char> PortCharacters =
        SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.+");

    /// <summary>Waitress's port when an item names none.</summary>
    public const string DefaultPort = "8080";

    /// <summary>
    /// Takes <c>host</c>, <c>host:port</c>, <c>[v6]</c>, <c>[v6]:port</c> or <c>*</c> apart. Null when it is none of these: no host,
    /// an empty port, or an IPv6 address without brackets, whose last group can't be told from a port.
    /// </summary>
    public static BindAddress? Parse(string text)
    {
        if (text.StartsWith('['))
        {
            var close = text.IndexOf(']', StringComparison.Ordinal);
            if (close < 0 || !IPAddress.TryParse(text.AsSpan(1, close - 1), out var v6) || v6.AddressFamily != AddressFamily.InterNetworkV6)
                return null;
            var rest = text[(close + 1)..];
            if (rest.Length == 0)
                return new BindAddress(text[1..close], DefaultPort);
            return rest[0] == ':' && IsPort(rest[1..]) ? new BindAddress(text[1..close], rest[1..]) : null;
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            return IsHost(text) ? new BindAddress(text, DefaultPort) : null;
        var (host, port) = (text[..colon], text[(colon + 1)..]);
        return IsHost(host) && IsPort(port) ? new BindAddress(host, port) : null;
    }

    /// <summary>
    /// Every address that the item stands for, in the resolver's order. Empty with <paramref name="error"/> set when there is none:
    /// unknown host or service, a port above 65535, or no address in the families left by <c>ipv4</c> and <c>ipv6</c>. Both off means
    /// no filter, as in Waitress.
    /// </summary>
    /// <param name="ipv4">Whether IPv4 addresses count.</param>
    /// <param name="ipv6">Whether IPv6 addresses count.</param>
    /// <param name="resolve">Name to addresses; throws <see cref="SocketException"/> for an unknown name.</param>
    /// <param name="error">The reason in a few words, or null.</param>
    public IReadOnlyList<IPEndPoint> Resolve(bool ipv4, bool ipv6, Func<string, IPAddress[]> resolve, out string? error)
    {
        if (!TryPort(out var port))
        {
            error = char.IsAsciiDigit(Port[0]) ? "the port is not a number from 0 to 65535" : $"no TCP service is named {Port}";
            return [];
        }

        IPAddress[] found;
        try
        {
            found = Host == "*" ? [IPAddress.Any, IPAddress.IPv6Any]
                : IPAddress.TryParse(Host, out var literal) ? [literal]
                : resolve(Host);
        }
        catch (SocketException)
        {
            found = [];
        }
        catch (ArgumentException)
        {
            // Longer than a DNS name may be.
            found = [];
        }

        var all = !ipv4 && !ipv6;
        var kept = found
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork ? all || ipv4
                : address.AddressFamily == AddressFamily.InterNetworkV6 && (all || ipv6))
            .Select(address => new IPEndPoint(address, port))
            .Distinct()
            .ToArray();
        error = kept.Length > 0 ? null : found.Length > 0 ? "its address family is switched off (ipv4, ipv6)" : "the host is unknown";
        return kept;
    }

    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    private bool TryPort(out int port)
    {
        if (int.TryParse(Port, NumberStyles.None, CultureInfo.InvariantCulture, out port))
            return port <= IPEndPoint.MaxPort;
        return !OperatingSystem.IsWindows() && !char.IsAsciiDigit(Port[0]) && Services.TryFind(Port, out port);
    }

    private static bool IsHost(string text) => text.Length > 0 && !text.AsSpan().ContainsAny(NotInHost);

    private static bool IsPort(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(PortCharacters);
}
