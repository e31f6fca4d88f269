using System.Net;
using System.Net.Sockets;

namespace Waitress.Guards;

/// <summary>
/// Who the client is, as a proxy writes it in X-Forwarded-For or Forwarded's `for`: an address, a name, `unknown` or an obfuscated
/// identifier, with an optional port (node, RFC 7239 section 6).
/// </summary>
internal static class ClientAddress
{
    /// <summary>
    /// Reads one node. The address is the text as sent, without brackets. Names and identifiers are taken as Waitress takes
    /// them: were `unknown` passed over, REMOTE_ADDR would stay the proxy's own address, which apps tend to trust.
    /// </summary>
    /// <returns>False when it is none of these; nothing is guessed from half an address.</returns>
    public static bool TryParse(ReadOnlySpan<char> node, out string address, out string? port)
    {
        address = "";
        port = null;
        var host = node;
        var portText = default(ReadOnlySpan<char>);
        if (node.StartsWith('['))
        {
            var end = node.IndexOf(']');
            if (end < 0) return false;
            host = node[1..end];
            if (!IsIpv6(host)) return false;
            if (end + 1 < node.Length)
            {
                if (node[end + 1] != ':') return false;
                portText = node[(end + 2)..];
                if (!IsPort(portText)) return false;
            }
        }
        else if (node.Count(':') > 1)
        {
            // Without brackets a port can't be told from the last group, so all of it is the address (`::ffff:192.0.2.1` too).
            if (!IsIpv6(node)) return false;
        }
        else
        {
            var colon = node.IndexOf(':');
            if (colon >= 0)
            {
                host = node[..colon];
                portText = node[(colon + 1)..];
                if (!IsPort(portText)) return false;
            }
            if (!IsName(host)) return false;
        }
        address = host.ToString();
        if (!portText.IsEmpty) port = portText.ToString();
        return true;
    }

    /// <summary>IPv4 as IPv4: a socket of both families shows such peers as ::ffff:192.0.2.1.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static bool IsName(ReadOnlySpan<char> text) =>
        !text.IsEmpty && !text.ContainsAnyExcept(HttpText.Identifier) && (text.ContainsAnyExcept(HttpText.DottedDigits) || IsIpv4(text));

    /// <summary>Four decimal numbers: IPAddress would also take `1` or `010.1`, which Python's ipaddress refuses.</summary>
    public static bool IsIpv4(ReadOnlySpan<char> text)
    {
        var parts = 0;
        foreach (var range in text.Split('.'))
        {
            var part = text[range];
            if (part.Length is 0 or > 3 || (part.Length > 1 && part[0] == '0')) return false;
            if (!HttpText.TryPort(part, out var number) || number > 255) return false;
            parts++;
        }
        return parts == 4;
    }

    private static bool IsIpv6(ReadOnlySpan<char> text)
    {
        var zone = text.IndexOf('%');
        if (zone >= 0)
        {
            var name = text[(zone + 1)..];
            if (name.IsEmpty || name.ContainsAnyExcept(HttpText.Identifier)) return false;
            text = text[..zone];
        }
        return !text.ContainsAnyExcept(HttpText.Ipv6)
            && IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6;
    }

    private static bool IsPort(ReadOnlySpan<char> text) =>
        HttpText.TryPort(text, out _) || (text.Length > 1 && text[0] == '_' && !text.ContainsAnyExcept(HttpText.Identifier));
}
