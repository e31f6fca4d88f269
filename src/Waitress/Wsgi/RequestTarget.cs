namespace Waitress.Wsgi;

/// <summary>
/// PATH_INFO and QUERY_STRING of a request, from the target as sent. Waitress's rules, kept exactly: the path's bytes are
/// percent-decoded and read as Latin-1 (PEP 3333), `%2F` included; dot segments stay; an invalid `%zz` stays; leading slashes become one.
/// Kestrel's own path can't be used: it removes dot segments, keeps `%2F` and decodes UTF-8.
/// </summary>
internal readonly record struct RequestTarget(string PathInfo, string QueryString)
{
    // Longer paths are rare; decoding them in an array is fine.
    private const int OnStack = 512;

    /// <summary>
    /// Splits and decodes. Every text gives a result. Allocates nothing for a path without `%`, prefix and query, else one string
    /// for each part that differs from the target.
    /// </summary>
    /// <param name="target">Origin-form, absolute-form (the authority is passed over, as in Waitress) or `*`; ASCII.</param>
    /// <param name="prefix">url_prefix: empty, or with a leading and without a trailing slash. SCRIPT_NAME is always this text.</param>
    public static RequestTarget Parse(string target, string prefix)
    {
        var start = PathStart(target);
        var length = target.AsSpan(start).IndexOfAny('?', '#');
        var query = "";
        if (length < 0)
        {
            length = target.Length - start;
        }
        else if (target[start + length] == '?')
        {
            var rest = target.AsSpan(start + length + 1);
            var fragment = rest.IndexOf('#');
            query = (fragment < 0 ? rest : rest[..fragment]).ToString();
        }

        var path = target.AsSpan(start, length);
        if (path.Contains('%'))
        {
            Span<char> decoded = length <= OnStack ? stackalloc char[OnStack] : new char[length];
            decoded = decoded[..Decode(path, decoded)];
            return new(Text(WithinPrefix(OneSlash(decoded), prefix), target), query);
        }
        return new(Text(WithinPrefix(OneSlash(path), prefix), target), query);
    }

    // The two paths that need no new string: the root, and a target that is nothing but its path.
    private static string Text(ReadOnlySpan<char> path, string target) =>
        path is "/" ? "/" : path.Length == target.Length && path.SequenceEqual(target) ? target : path.ToString();

    /// <summary>0, or for an absolute-form target where its path begins: after scheme, `//` and authority.</summary>
    private static int PathStart(string target)
    {
        if (target.Length == 0 || !char.IsAsciiLetter(target[0])) return 0;
        var scheme = 1;
        while (scheme < target.Length && (char.IsAsciiLetterOrDigit(target[scheme]) || target[scheme] is '+' or '-' or '.')) scheme++;
        if (scheme == target.Length || target[scheme] != ':') return 0;
        var start = scheme + 1;
        if (!target.AsSpan(start).StartsWith("//")) return start;
        var authority = target.AsSpan(start + 2).IndexOfAny('/', '?', '#');
        return authority < 0 ? target.Length : start + 2 + authority;
    }

    private static ReadOnlySpan<char> OneSlash(ReadOnlySpan<char> path)
    {
        // After decoding, as in Waitress: `/%2Fa` must not reach the app as `//a`, which URL builders take for a host.
        var slashes = path.IndexOfAnyExcept('/');
        if (slashes < 0) slashes = path.Length;
        return slashes > 1 ? path[(slashes - 1)..] : path;
    }

    private static ReadOnlySpan<char> WithinPrefix(ReadOnlySpan<char> path, string prefix)
    {
        if (prefix.Length == 0 || !path.StartsWith(prefix, StringComparison.Ordinal)) return path;
        return path.Length == prefix.Length || path[prefix.Length] == '/' ? path[prefix.Length..] : path;
    }

    private static int Decode(ReadOnlySpan<char> source, Span<char> destination)
    {
        var length = 0;
        for (var at = source.IndexOf('%'); at >= 0; at = source.IndexOf('%'))
        {
            source[..at].CopyTo(destination[length..]);
            length += at;
            source = source[at..];
            if (source.Length >= 3 && char.IsAsciiHexDigit(source[1]) && char.IsAsciiHexDigit(source[2]))
            {
                destination[length++] = (char)((Nibble(source[1]) << 4) | Nibble(source[2]));
                source = source[3..];
            }
            else
            {
                destination[length++] = '%';
                source = source[1..];
            }
        }
        source.CopyTo(destination[length..]);
        return length + source.Length;
    }

    private static int Nibble(char hex) => hex <= '9' ? hex - '0' : (hex | 0x20) - 'a' + 10;
}
