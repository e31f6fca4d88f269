namespace Waitress.Wsgi;

/// <summary>Header names, values and statuses that nearly every answer has: found by length and bytes, so that none is made anew.</summary>
internal static class KnownText
{
    private static readonly (byte[] Bytes, string Text)[][] ByLength = Table(
        "200 OK", "201 Created", "204 No Content", "301 Moved Permanently", "302 Found", "302 FOUND", "303 See Other", "304 Not Modified",
        "304 NOT MODIFIED", "400 Bad Request", "403 Forbidden", "404 Not Found", "404 NOT FOUND", "500 Internal Server Error",
        "Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Cache-Control", "Set-Cookie", "Location", "Vary",
        "ETag", "Last-Modified", "Expires", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
        "Strict-Transport-Security", "Allow", "Accept-Ranges",
        "text/plain", "text/html", "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/json",
        "application/octet-stream", "no-cache", "no-store", "nosniff", "same-origin", "DENY", "SAMEORIGIN", "Cookie", "Accept-Encoding", "bytes");

    public static string? Find(ReadOnlySpan<byte> text)
    {
        if (text.Length >= ByLength.Length)
            return null;
        foreach (var (bytes, known) in ByLength[text.Length])
        {
            if (text.SequenceEqual(bytes))
                return known;
        }

        return null;
    }

    private static (byte[], string)[][] Table(params string[] texts)
    {
        var table = new (byte[], string)[texts.Max(text => text.Length) + 1][];
        for (var length = 0; length < table.Length; length++)
            table[length] = [.. texts.Where(text => text.Length == length).Select(text => (System.Text.Encoding.ASCII.GetBytes(text), text))];
        return table;
    }
}
