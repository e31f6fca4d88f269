using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Waitress.Configuration;

/// <summary>
/// One item of <c>listen</c>, by its syntax alone: what the names in it stand for is looked up when listening starts.
/// </summary>
/// <param name="Host">A name, an IPv4 address, an IPv6 address without its brackets, or <c>*</c> (every interface of both families).</param>
/// <param name="Port">A number from 0 (any free port) to 65535 without leading zeros, or the name of a TCP service.</param>
internal sealed record ListenAddress(string Host, string Port)
{
    public const string AnyIPv4 = "0.0.0.0";

    /// <summary>Waitress's port when an item names none.</summary>
    public const string DefaultPort = "8080";

    // RFC 1035 section 2.3.4 allows 255 octets on the wire, which is 253 characters of text.
    private const int LongestName = 253;

    // More than RFC 6335 section 5.1 allows: the files of systems have names such as "whois++".
    private static readonly SearchValues<char> ServiceCharacters =
        SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.+");

    /// <summary>Takes <c>host</c>, <c>host:port</c>, <c>[v6]</c>, <c>[v6]:port</c> or <c>*</c> apart; null when it is none of these.</summary>
    public static ListenAddress? Parse(string item)
    {
        if (item.StartsWith('['))
        {
            var end = item.IndexOf(']', StringComparison.Ordinal);
            var rest = end < 0 ? "?" : item[(end + 1)..];
            return rest.Length == 0 ? Make(item, DefaultPort) : rest[0] == ':' ? Make(item[..(end + 1)], rest[1..]) : null;
        }

        // As Waitress: the last colon parts host and port, so "::1:80" is port 80 of ::1 and "::1" is refused.
        var colon = item.LastIndexOf(':');
        return colon < 0 ? Make(item, DefaultPort) : Make(item[..colon], item[(colon + 1)..]);
    }

    /// <summary>A host in its one form, IPv6 without brackets, or null where it is none.</summary>
    public static string? ParseHost(string text)
    {
        var bare = text.StartsWith('[') && text.EndsWith(']') ? text[1..^1] : text;
        if (bare.Contains(':', StringComparison.Ordinal)) return IsIPv6(bare) ? bare : null;
        if (bare.Length != text.Length || text.Length is 0 or > LongestName) return null;
        return text == "*" || text.All(c => char.IsLetterOrDigit(c) || c is '.' or '-' or '_') ? text : null;
    }

    /// <summary>The one written form: <c>host:port</c>, IPv6 in brackets.</summary>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    private static ListenAddress? Make(string host, string port) =>
        ParseHost(host) is { } name && ParsePort(port) is { } known ? new ListenAddress(name, known) : null;

    // What begins with a digit is a number, so that a slip in one ("8o80") is told as such.
    private static string? ParsePort(string text)
    {
        if (text.Length > 0 && char.IsAsciiDigit(text[0]))
        {
            return text.Length <= 5 && text.All(char.IsAsciiDigit) && int.Parse(text, CultureInfo.InvariantCulture) is <= IPEndPoint.MaxPort and var number
                ? number.ToString(CultureInfo.InvariantCulture) : null;
        }

        return text.Length > 0 && char.IsAsciiLetter(text[0]) && !text.AsSpan().ContainsAnyExcept(ServiceCharacters) ? text : null;
    }

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
