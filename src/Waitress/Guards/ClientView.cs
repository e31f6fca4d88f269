namespace Waitress.Guards;

/// <summary>
/// What a trusted proxy said about its client, ready for environ; null = not said, the connection's own value stays. What
/// concerns header fields (HTTP_HOST, the proxy headers themselves) is already in the <see cref="HeaderList"/>. Reused
/// from request to request; belongs to one request at a time.
/// </summary>
internal sealed class ClientView
{
    private List<string>? _warnings;

    /// <summary>REMOTE_ADDR, and REMOTE_HOST too: nobody looks a name up.</summary>
    public string? RemoteAddr { get; set; }

    /// <summary>REMOTE_PORT. Stays null when the proxy gave an address only; the connection's port is the proxy's then.</summary>
    public string? RemotePort { get; set; }

    /// <summary>SERVER_NAME.</summary>
    public string? ServerName { get; set; }

    /// <summary>SERVER_PORT.</summary>
    public string? ServerPort { get; set; }

    /// <summary>wsgi.url_scheme: `http` or `https`.</summary>
    public string? Scheme { get; set; }

    /// <summary>Texts to log at WARNING on the logger `waitress`, also when the request is refused. Values in them are cut short.</summary>
    public IReadOnlyList<string> Warnings => _warnings ?? (IReadOnlyList<string>)[];

    public void Warn(string text) => (_warnings ??= []).Add(text);

    public void Clear()
    {
        RemoteAddr = RemotePort = ServerName = ServerPort = Scheme = null;
        _warnings?.Clear();
    }
}
