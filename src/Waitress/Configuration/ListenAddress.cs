using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Waitress.Configuration;

/// <summary>
/// The syntax of what can be listened on; names are resolved later, when listening starts. The one form that comes out
/// is <c>host:port</c>, IPv6 in brackets, so that the last colon always parts the two.
/// </summary>
internal static class ListenAddress
{
    public const string AnyIPv4 = "0.0.0.0";
    public const string DefaultPort = "8080";

    // RFC 1035 section 2.3.4 allows 255 octets on the wire, which is 253 characters of text.
    private const int LongestName = 253;

    /// <summary><c>host:port</c> of one item of <c>listen</c>, or null where it is none.</summary>
    public static string? Normalize(string item)
    {
        if (item.StartsWith('['))
        {
            var end = item.IndexOf(']', StringComparison.Ordinal);
            var rest = end < 0 ? "?" : item[(end + 1)..];
            return rest.Length == 0 ? Join(item, DefaultPort) : rest[0] == ':' ? Join(item[..(end + 1)], rest[1..]) : null;
        }
        // As Waitress: the last colon parts host and port, so "::1:80" is port 80 of ::1 and "::1" is refused.
        var colon = item.LastIndexOf(':');
        return colon < 0 ? Join(item, DefaultPort) : Join(item[..colon], item[(colon + 1)..]);
    }

    /// <summary>A host as it stands before the colon (IPv6 in brackets), or null where it is none.</summary>
    public static string? Host(string text)
    {
        var bare = text.StartsWith('[') && text.EndsWith(']') ? text[1..^1] : text;
        if (bare.Contains(':', StringComparison.Ordinal)) return IsIPv6(bare) ? $"[{bare}]" : null;
        if (bare.Length != text.Length || text.Length is 0 or > LongestName) return null;
        return text == "*" || text.All(c => char.IsLetterOrDigit(c) || c is '.' or '-' or '_') ? text : null;
    }

    private static string? Join(string host, string port)
        => Host(host) is { } name && port.Length is > 0 and <= 5 && port.All(char.IsAsciiDigit)
            && int.Parse(port, CultureInfo.InvariantCulture) is <= IPEndPoint.MaxPort and var number
            ? string.Create(CultureInfo.InvariantCulture, $"{name}:{number}") : null;

    private static bool IsIPv6(string text)
    {
        // The zone (fe80::1%eth0) names an interface of this machine, which only listening can judge.
        var zone = text.IndexOf('%', StringComparison.Ordinal);
        var address = zone < 0 ? text : text[..zone];
        return address.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.')
            && (zone < 0 || (zone < text.Length - 1 && text[(zone + 1)..].All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')))
            && IPAddress.TryParse(address, out var parsed) && parsed.AddressFamily == AddressFamily.InterNetworkV6;
    }
}
