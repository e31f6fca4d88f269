namespace Waitress.Configuration;

/// <summary>Which kind of app is served.</summary>
internal sealed partial record Settings
{
    /// <summary>The names of the interfaces; auto is decided when the app is there.</summary>
    public const string Auto = "auto", Wsgi = "wsgi", Asgi = "asgi";

    public string Interface { get; init; } = Auto;

    /// <summary>The ASGI app that has the WebSockets of a WSGI app's server, for Python to import; null: there is none.</summary>
    public string? AsgiWebsockets { get; init; }

    /// <summary>Whether there is an app that takes WebSockets.</summary>
    public bool ServesWebSockets => Interface == Asgi || AsgiWebsockets is not null;

    /// <summary>Requests that the app may have at once; null: as many as there are connections.</summary>
    public int? LimitConcurrency { get; init; }

    /// <summary>Seconds for which an event loop may not turn before that is told; 0: never.</summary>
    public double LoopStall { get; init; } = 1;

    /// <summary>Seconds for which a connection may be idle between two requests; null: channel_timeout.</summary>
    public double? TimeoutKeepAlive { get; init; }

    /// <summary>Bytes of a WebSocket message that a client may send.</summary>
    public long WsMaxSize { get; init; } = 16_777_216;

    /// <summary>Messages of a WebSocket that wait for the app.</summary>
    public int WsMaxQueue { get; init; } = 32;

    /// <summary>Seconds; 0: none is sent.</summary>
    public double WsPingInterval { get; init; } = 20;

    /// <summary>Seconds; 0: it is not waited for.</summary>
    public double WsPingTimeout { get; init; } = 20;

    public bool WsCompress { get; init; } = true;
}
