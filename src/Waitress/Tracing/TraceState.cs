using System.Buffers;
using Microsoft.Extensions.Primitives;
using Waitress.Guards;

namespace Waitress.Tracing;

/// <summary>The header field tracestate: what systems of tracing hand on of their own (W3C Trace Context, section 3.3). It is passed on as it is, or not at all.</summary>
internal static class TraceState
{
    private const int MostMembers = 32, LongestKey = 256, LongestTenant = 241, LongestSystem = 14, LongestValue = 256;

    private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-*/");

    /// <summary>The lines of a request as one; null when there are none, or one of its members is not allowed.</summary>
    public static string? Read(in StringValues lines)
    {
        if (lines.Count == 0)
            return null;
        var text = HeaderList.Join(lines);
        var members = 0;
        foreach (var part in text.AsSpan().Split(','))
        {
            var member = text.AsSpan()[part].Trim(" \t");
            if (member.IsEmpty)
                continue; // Lists may have empty members.
            if (++members > MostMembers || !IsMember(member))
                return null;
        }

        return members == 0 ? null : text;
    }

    private static bool IsMember(ReadOnlySpan<char> member)
    {
        var equals = member.IndexOf('=');
        return equals > 0 && IsKey(member[..equals]) && IsValue(member[(equals + 1)..]);
    }

    // A name, or tenant@system, where the tenant may begin with a digit.
    private static bool IsKey(ReadOnlySpan<char> key)
    {
        var at = key.IndexOf('@');
        if (at < 0)
            return key.Length <= LongestKey && char.IsAsciiLetterLower(key[0]) && !key.ContainsAnyExcept(KeyCharacters);
        var tenant = key[..at];
        var system = key[(at + 1)..];
        return tenant.Length is > 0 and <= LongestTenant && (char.IsAsciiLetterLower(tenant[0]) || char.IsAsciiDigit(tenant[0])) && !tenant.ContainsAnyExcept(KeyCharacters)
            && system.Length is > 0 and <= LongestSystem && char.IsAsciiLetterLower(system[0]) && !system.ContainsAnyExcept(KeyCharacters);
    }

    // Printable ASCII without comma and equals sign. Blanks at its end were cut off with those around the member.
    private static bool IsValue(ReadOnlySpan<char> value)
    {
        foreach (var c in value)
        {
            if (c is < ' ' or > '~' or '=')
                return false;
        }

        return value.Length is > 0 and <= LongestValue;
    }
}
