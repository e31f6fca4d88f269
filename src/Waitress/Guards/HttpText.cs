using System.Buffers;

namespace Waitress.Guards;

/// <summary>Character sets of RFC 9110 and RFC 3986 for vectorised scans, and the quoting rule that header elements share.</summary>
internal static class HttpText
{
    /// <summary>tchar, RFC 9110 section 5.6.2: what a method, a header name or a parameter name is made of.</summary>
    public static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>tchar without lower-case letters: Waitress refuses `get`, since methods are case-sensitive and a typo is likelier.</summary>
    public static readonly SearchValues<char> UpperToken = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>The control characters without TAB: never allowed in a header value (RFC 9110 section 5.5).</summary>
    public static readonly SearchValues<char> Control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c != '\t').Append(0x7F).Select(c => (char)c)]);

    /// <summary>uri-host outside brackets (RFC 3986 section 3.2.2): unreserved, sub-delims, and the sign of pct-encoded.</summary>
    public static readonly SearchValues<char> RegName = SearchValues.Create(
        "-._~!$&'()*+,;=%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>What an obfuscated identifier of RFC 7239 section 6.3, or a host name, is made of.</summary>
    public static readonly SearchValues<char> Identifier = SearchValues.Create(
        "-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>A text of nothing else is meant as an IPv4 address.</summary>
    public static readonly SearchValues<char> DottedDigits = SearchValues.Create(".0123456789");

    /// <summary>What an IPv6 address is made of; keeps prefixes, brackets and zones away from the address parser.</summary>
    public static readonly SearchValues<char> Ipv6 = SearchValues.Create(".:0123456789ABCDEFabcdef");

    /// <summary>Optional white space around elements (RFC 9110 section 5.6.3); nothing wider, as that has been a CVE (2019-16789).</summary>
    public const string Blanks = " \t";

    /// <summary>
    /// Reads a token or a quoted-string (RFC 9110 section 5.6.4). False when the quotes do not pair up, or text follows the
    /// closing one.
    /// </summary>
    public static bool TryUnquote(ReadOnlySpan<char> text, out string value)
    {
        value = "";
        if (!text.Contains('"'))
        {
            value = text.ToString();
            return true;
        }
        if (text.Length < 2 || text[0] != '"' || text[^1] != '"') return false;
        var inner = text[1..^1];
        if (!inner.ContainsAny('"', '\\'))
        {
            value = inner.ToString();
            return true;
        }
        var plain = new char[inner.Length];
        var length = 0;
        for (var i = 0; i < inner.Length; i++)
        {
            // A backslash needs its character within the quotes: `"a\"` is an open string, not the text `a\`.
            if (inner[i] == '"' || (inner[i] == '\\' && ++i == inner.Length)) return false;
            plain[length++] = inner[i];
        }
        value = new string(plain, 0, length);
        return true;
    }

    /// <summary>A port as text of 1 to 5 digits, 0 to 65535.</summary>
    public static bool TryPort(ReadOnlySpan<char> text, out int port)
    {
        port = 0;
        if (text.Length is 0 or > 5 || text.ContainsAnyExceptInRange('0', '9')) return false;
        foreach (var digit in text) port = port * 10 + (digit - '0');
        return port <= 65535;
    }
}
