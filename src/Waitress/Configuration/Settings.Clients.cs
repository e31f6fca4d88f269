using Waitress.Guards;

namespace Waitress.Configuration;

/// <summary>Who may connect, how often, and at what pace.</summary>
internal sealed partial record Settings
{
    // Kestrel's default. A head fits into a packet or two; one that takes longer is an attack (slow loris), or a line that serves nobody.
    private const int DefaultHeaderTimeout = 30;

    /// <summary>Addresses, ranges, and files of these (<c>@</c> and the whole path) that are kept out.</summary>
    public ValueList<string> Deny { get; init; } = [];
    /// <summary>The same for those that are let in; empty: everybody who is not denied.</summary>
    public ValueList<string> Allow { get; init; } = [];
    public int? LimitPerAddress { get; init; }
    public RequestRate? RateLimit { get; init; }
    /// <summary>Seconds for a head; 0: no limit, null: not stated.</summary>
    public double? HeaderTimeout { get; init; }
    /// <summary>Seconds that may be waited for a body in all; 0: no limit.</summary>
    public double BodyTimeout { get; init; }
    /// <summary>Bytes per second; 0: no limit.</summary>
    public int MinBodyRate { get; init; } = 240;
    /// <summary>Bytes per second; 0: no limit.</summary>
    public int MinResponseRate { get; init; } = 240;

    /// <summary>Unless stated, it is not longer than the time in which an idle connection is closed.</summary>
    public TimeSpan HeaderTimeoutInForce => HeaderTimeout switch
    {
        null => TimeSpan.FromSeconds(Math.Min(DefaultHeaderTimeout, Math.Max(1, ChannelTimeout))),
        0 => Timeout.InfiniteTimeSpan,
        { } seconds => TimeSpan.FromSeconds(seconds),
    };
}
