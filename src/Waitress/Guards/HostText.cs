namespace Waitress.Guards;

/// <summary>A host with an optional port, as Host and X-Forwarded-Host carry it: uri-host [ ":" port ] (RFC 9110 section 7.2).</summary>
internal static class HostText
{
    /// <summary>
    /// Splits and checks. <paramref name="host"/> keeps the brackets of an IPv6 address; <paramref name="port"/> is -1 when
    /// none is stated (`name:` counts as none, RFC 3986 section 3.2.3).
    /// </summary>
    /// <returns>False when the text is no host: other characters, an open bracket, a port that is no number up to 65535.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out ReadOnlySpan<char> host, out int port)
    {
        port = -1;
        host = text;
        var end = text.StartsWith('[') ? text.IndexOf(']') + 1 : text.IndexOf(':');
        if (text.StartsWith('['))
        {
            if (end < 4 || text[1..(end - 1)].ContainsAnyExcept(HttpText.Ipv6)) return false;
        }
        else if (!IsRegName(end < 0 ? text : text[..end]))
        {
            return false;
        }
        if (end < 0 || end == text.Length) return true;
        host = text[..end];
        if (text[end] != ':') return false;
        var digits = text[(end + 1)..];
        if (digits.IsEmpty) return true;
        if (!HttpText.TryPort(digits, out var number)) return false;
        port = number;
        return true;
    }

    private static bool IsRegName(ReadOnlySpan<char> name)
    {
        if (name.ContainsAnyExcept(HttpText.RegName)) return false;
        for (var at = name.IndexOf('%'); at >= 0;)
        {
            name = name[(at + 1)..];
            if (name.Length < 2 || !char.IsAsciiHexDigit(name[0]) || !char.IsAsciiHexDigit(name[1])) return false;
            at = name.IndexOf('%');
        }
        return true;
    }
}
