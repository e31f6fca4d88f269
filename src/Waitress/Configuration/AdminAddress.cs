namespace Waitress.Configuration;

/// <summary>Where metrics, health and status are served: <c>[HOST]:PORT</c>, a port alone, or <c>unix:PATH</c>. Without a host it is this machine's loopback.</summary>
/// <param name="Tcp">Host and port; null for a unix socket.</param>
/// <param name="UnixPath">Its path; null for TCP.</param>
internal sealed record AdminAddress(ListenAddress? Tcp, string? UnixPath)
{
    private const string Loopback = "127.0.0.1", Unix = "unix:";

    /// <summary>Null when it is none of these.</summary>
    public static AdminAddress? Parse(string text)
    {
        if (text.StartsWith(Unix, StringComparison.Ordinal))
            return text.Length > Unix.Length && !text.Contains('\0') ? new AdminAddress(null, text[Unix.Length..]) : null;
        var port = text.TrimStart(':');
        if (port.Length > 0 && port.Length >= text.Length - 1 && port.All(char.IsAsciiDigit))
            text = $"{Loopback}:{port}";

        // Written without a port it would be the main port's default.
        var named = text.LastIndexOf(':') is var colon and >= 0 && colon > text.LastIndexOf(']');
        return named && ListenAddress.Parse(text) is { } address ? new AdminAddress(address, null) : null;
    }

    public override string ToString() => Tcp?.ToString() ?? Unix + UnixPath;
}
