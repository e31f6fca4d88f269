using System.Collections.Frozen;

namespace Waitress.Wsgi;

/// <summary>The environ key of a request header (PEP 3333, RFC 3875 section 4.1.18).</summary>
internal static class HeaderName
{
    // What browsers, proxies and API clients send; a miss only costs one short string.
    private static readonly FrozenDictionary<string, string> Known = new[]
    {
        "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers",
        "Access-Control-Request-Method", "Authorization", "Baggage", "Cache-Control", "CF-Connecting-IP", "CF-IPCountry", "CF-Ray",
        "Connection", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Location", "Content-MD5",
        "Content-Range", "Content-Type", "Cookie", "Date", "DNT", "Expect", "Forwarded", "From", "Host", "If-Match", "If-Modified-Since",
        "If-None-Match", "If-Range", "If-Unmodified-Since", "Keep-Alive", "Max-Forwards", "Origin", "Pragma", "Priority",
        "Proxy-Authorization", "Proxy-Connection", "Range", "Referer", "Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "Sec-Fetch-Dest",
        "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Sec-GPC", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Version", "TE", "Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "True-Client-IP", "Upgrade",
        "Upgrade-Insecure-Requests", "User-Agent", "Via", "X-Amzn-Trace-Id", "X-API-Key", "X-Correlation-ID", "X-CSRF-Token", "X-CSRFToken",
        "X-Forwarded-By", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-HTTP-Method-Override",
        "X-Real-IP", "X-Request-ID", "X-Requested-With",
    }.ToFrozenDictionary(name => name, Make, StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The key, the same instance each time for a well-known name. Null when the name holds an underscore: `X_Real_IP` would
    /// take the place of `X-Real-IP`, so Waitress drops such headers and so do we.
    /// </summary>
    /// <param name="name">A token, in any case.</param>
    public static string? ToEnviron(string name)
    {
        if (Known.TryGetValue(name, out var key)) return key;
        return name.Contains('_') ? null : Make(name);
    }

    private static string Make(string name)
    {
        if (name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)) return "CONTENT_TYPE";
        if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)) return "CONTENT_LENGTH";
        return string.Create(name.Length + 5, name, static (key, name) =>
        {
            "HTTP_".CopyTo(key);
            for (var i = 0; i < name.Length; i++) key[i + 5] = name[i] == '-' ? '_' : char.IsAsciiLetterLower(name[i]) ? (char)(name[i] - 32) : name[i];
        });
    }
}
