namespace Waitress.Guards;

/// <summary>The Forwarded header (RFC 7239 section 4): elements by comma, pairs by semicolon, values bare or quoted.</summary>
/// <param name="For">What the trusted elements say of the client, in lower case as Waitress gives it; null = not said.</param>
/// <param name="Host">The host the client asked for.</param>
/// <param name="Proto">The scheme the client used.</param>
/// <param name="TrustedStart">Where in the text the first trusted element begins.</param>
/// <param name="UnknownName">A parameter that RFC 7239 does not define; the first one, since a log line each would be the client's to order.</param>
internal readonly record struct ForwardedHeader(string? For, string? Host, string? Proto, int TrustedStart, string? UnknownName)
{
    /// <summary>
    /// Reads the last <paramref name="count"/> elements; of these the oldest that has a value wins, for each parameter apart: proxies
    /// further in may rewrite the host, the oldest one saw what the client sent. The elements before them must be well-formed
    /// as well: an open quote there could swallow a trusted one.
    /// </summary>
    /// <returns>Null when well-formed, else why not.</returns>
    public static string? Parse(string text, int count, out ForwardedHeader header)
    {
        header = default;
        var total = 1;
        for (var at = 0; at < text.Length; at++)
        {
            at = NextDelimiter(text, at);
            if (at < 0) return "open quote";
            if (at < text.Length && text[at] == ',') total++;
        }

        string? forValue = null, host = null, proto = null, unknown = null;
        int element = 0, trustedStart = 0, seen = 0;
        for (var at = 0; at <= text.Length; at++)
        {
            var trusted = total - element <= count;
            var end = NextDelimiter(text, at);
            var ends = end == text.Length || text[end] == ',';
            if (seen == 0)
            {
                // Blanks are allowed around an element only, not around its semicolons.
                while (at < end && HttpText.Blanks.Contains(text[at])) at++;
                if (total - element == count) trustedStart = at;
                seen = Started;
            }
            var pair = text.AsSpan(at, end - at);
            if (ends) pair = pair.TrimEnd(HttpText.Blanks);
            if (!pair.IsEmpty)
            {
                if (ReadPair(pair, out var name, out var value) is { } reason) return reason;
                var bit = Bit(name);
                if (bit == 0) unknown ??= name.ToString();
                else if ((seen & bit) != 0) return "a parameter occurs twice";
                seen |= bit;
                if (trusted && value.Length > 0)
                {
                    if (bit == ForBit) forValue ??= value;
                    else if (bit == HostBit) host ??= value;
                    else if (bit == ProtoBit) proto ??= value;
                }
            }
            if (ends)
            {
                element++;
                seen = 0;
            }
            at = end;
        }
        header = new(forValue, host, proto, trustedStart, unknown);
        return null;
    }

    private const int Started = 1, ForBit = 2, HostBit = 4, ProtoBit = 8, ByBit = 16;

    private static int Bit(ReadOnlySpan<char> name) =>
        name.Equals("for", StringComparison.OrdinalIgnoreCase) ? ForBit
        : name.Equals("host", StringComparison.OrdinalIgnoreCase) ? HostBit
        : name.Equals("proto", StringComparison.OrdinalIgnoreCase) ? ProtoBit
        : name.Equals("by", StringComparison.OrdinalIgnoreCase) ? ByBit
        : 0;

    private static string? ReadPair(ReadOnlySpan<char> pair, out ReadOnlySpan<char> name, out string value)
    {
        value = "";
        var equals = pair.IndexOf('=');
        name = equals < 0 ? pair : pair[..equals];
        if (equals < 0) return "a pair has no '='";
        if (name.IsEmpty || name.ContainsAnyExcept(HttpText.Token)) return "a parameter name is no token";
        var raw = pair[(equals + 1)..];
        if (!raw.Contains('"') && raw.ContainsAny(HttpText.Blanks)) return "blanks in a value";
        if (!HttpText.TryUnquote(raw, out var plain)) return "wrong quoting";
        value = plain.ToLowerInvariant();
        return null;
    }

    /// <summary>The next comma or semicolon outside quotes, or the text's end; -1 when a quote stays open.</summary>
    private static int NextDelimiter(string text, int from)
    {
        while (true)
        {
            var step = text.AsSpan(from).IndexOfAny(',', ';', '"');
            if (step < 0) return text.Length;
            from += step;
            if (text[from] != '"') return from;
            for (from++; ; from++)
            {
                step = text.AsSpan(from).IndexOfAny('"', '\\');
                if (step < 0) return -1;
                from += step;
                if (text[from] == '"') break;
                if (++from >= text.Length) return -1;
            }
            from++;
        }
    }
}
