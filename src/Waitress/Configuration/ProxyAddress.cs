using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Waitress.Configuration;

/// <summary>The syntax of one item of <c>trusted_proxy</c>: an address, a range, or one of two words.</summary>
internal static class ProxyAddress
{
    /// <summary>The item's one form, or null where it is none: a host name, for example, could never match a peer.</summary>
    public static string? Normalize(string item)
    {
        // As in Waitress, the peer of a unix socket is called localhost.
        if (item is "*") return item;
        if (item.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return "localhost";
        var slash = item.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0) return Address(item)?.ToString();
        // A range whose address has bits beyond the prefix is more often a mistake than meant, so it is refused.
        return Address(item[..slash]) is { } address
            && item[(slash + 1)..] is { Length: > 0 and <= 3 } bits && bits.All(char.IsAsciiDigit)
            && IPNetwork.TryParse($"{address}/{int.Parse(bits, CultureInfo.InvariantCulture)}", out var range)
            && range.BaseAddress.Equals(address) ? range.ToString() : null;
    }

    // The parser of .NET also reads "10" and "010.0.0.1" (octal); only the usual form of IPv4 is safe to trust.
    private static IPAddress? Address(string text)
        => text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.') && IPAddress.TryParse(text, out var address)
            && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == text) ? address : null;
}
