using System.Buffers;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.AccessLogging;

/// <summary>
/// The variables of environ that a format can name, as <c>%({REMOTE_ADDR}e)s</c>: those that are known without asking Python. What the app or
/// middleware puts into its environ is not.
/// </summary>
internal static class AccessLogVariables
{
    private const string Header = "HTTP_";

    private static readonly SearchValues<char> HeaderCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    /// <summary>By name; HTTP_* come on top of them.</summary>
    public static IReadOnlyDictionary<string, TextOf> Known { get; } = new Dictionary<string, TextOf>(StringComparer.Ordinal)
    {
        ["REQUEST_METHOD"] = static (in entry) => entry.Exchange?.Request.Method,
        ["SCRIPT_NAME"] = static (in entry) => entry.Exchange is null ? null : entry.Place.Settings.UrlPrefix,
        ["PATH_INFO"] = static (in entry) => AccessLogAtoms.Target(entry).PathInfo,
        ["QUERY_STRING"] = static (in entry) => AccessLogAtoms.Target(entry).QueryString,
        ["REQUEST_URI"] = static (in entry) => entry.Exchange?.Request.RawTarget,
        ["SERVER_NAME"] = static (in entry) => entry.Exchange is null ? null : entry.Exchange.Client.ServerName ?? entry.Place.Settings.ServerName,
        ["SERVER_PORT"] = static (in entry) => entry.Exchange is null ? null : entry.Exchange.Client.ServerPort ?? entry.Exchange.LocalPort,
        ["SERVER_PROTOCOL"] = static (in entry) => entry.Exchange?.Request.Protocol,
        ["SERVER_SOFTWARE"] = static (in entry) => entry.Exchange is null ? null : entry.Place.Settings.Ident,
        ["REMOTE_ADDR"] = static (in entry) => entry.Remote,
        ["REMOTE_HOST"] = static (in entry) => entry.Remote,
        ["REMOTE_PORT"] = static (in entry) => entry.Exchange is null ? null : entry.Exchange.Client.RemotePort ?? entry.Exchange.Peer.Port,
        ["CONTENT_TYPE"] = static (in entry) => Received(entry.Exchange, "Content-Type"),
        ["CONTENT_LENGTH"] = static (in entry) => Received(entry.Exchange, "Content-Length"),
        ["wsgi.url_scheme"] = static (in entry) => entry.Exchange is null ? null : entry.Exchange.Client.Scheme ?? entry.Place.Settings.UrlScheme,
    };

    public static TextOf? Find(string name)
    {
        if (Known.TryGetValue(name, out var known))
            return known;
        if (!name.StartsWith(Header, StringComparison.Ordinal) || name.Length == Header.Length
            || name.AsSpan(Header.Length).ContainsAnyExcept(HeaderCharacters))
            return null;
        var field = name[Header.Length..].Replace('_', '-');
        return (in entry) => Received(entry.Exchange, field);
    }

    // As the app sees them: without what an untrusted client says about proxies.
    private static ReadOnlySpan<char> Received(Exchange? exchange, string name)
    {
        if (exchange is null)
            return default;
        foreach (var (key, lines) in exchange.Received.Fields)
        {
            if (key.Equals(name, StringComparison.OrdinalIgnoreCase))
                return HeaderList.Join(lines);
        }

        return default;
    }
}
