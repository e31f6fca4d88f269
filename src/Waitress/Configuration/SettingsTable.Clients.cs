using Waitress.Guards;
using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>The rows that say who may connect, how often, and at what pace.</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] ClientRows =>
    [
        new("deny", SettingGroup.Clients, ClientAddresses, ValueList<string>.Empty)
        {
            Repeats = true, Origin = "everybody may", Apply = (s, v) => s with { Deny = Strings(v) },
            Help = "Clients that are kept out: IP addresses, ranges such as 10.0.0.0/8, and @FILE, a file with one of these per line (# begins a comment), which is read again when it changes. Whoever is denied is not let in by --allow. May be repeated.",
            Difference = "New.",
        },
        new("allow", SettingGroup.Clients, ClientAddresses, ValueList<string>.Empty)
        {
            Repeats = true, Origin = "everybody may", Apply = (s, v) => s with { Allow = Strings(v) }, DefaultText = "everybody",
            Help = "Clients that are let in, written as for --deny; when it is given, everybody else is kept out. The connection's own address is judged first, so proxies have to be among them.",
            Difference = "New.",
        },
        new("limit_per_address", SettingGroup.Clients, WholeOrNone(1, int.MaxValue), null)
        {
            Origin = "many clients may share an address", Apply = (s, v) => s with { LimitPerAddress = (int?)(long?)v }, Unit = "connections", DefaultText = Off,
            Help = "Connections that one address (of IPv6: one /64 network) may have open; one more is closed at once. Not for trusted proxies and unix sockets.",
            Difference = "New.",
        },
        new("rate_limit", SettingGroup.Clients, RateOrNone, null)
        {
            Origin = "what is much depends on the app", DefaultText = Off,
            Apply = (s, v) => s with { RateLimit = RequestRate.TryParse((string?)v, out var rate) ? rate : null },
            Help = "Requests that one client (of IPv6: one /64 network) may send per second (N/s), minute (N/m) or hour (N/h); N of them may come at once, or BURST of them with N/s:BURST. One more gets 429 with Retry-After. Worker processes count together.",
            Difference = "New.",
        },
        new("header_timeout", SettingGroup.Clients, SecondsOrNone(0, LongestTimeout), null)
        {
            Origin = "Kestrel", Apply = (s, v) => s with { HeaderTimeout = (double?)v }, Unit = "seconds",
            DefaultText = "30, or --channel-timeout where that is less",
            Help = "How long the request line and headers may take from their first byte; then the client gets 408. 0 for no limit.",
            Difference = "New; Waitress waited.",
        },
        new("body_timeout", SettingGroup.Clients, Seconds(0, LongestTimeout), 0d)
        {
            Origin = "a large upload over a slow line is nobody's fault", Apply = (s, v) => s with { BodyTimeout = (double)v! }, Unit = "seconds", DefaultText = Off,
            Help = "How long the server may wait for a request body in all; then the client gets 408. 0 for no limit.",
            Difference = "New.",
        },
        new("min_body_rate", SettingGroup.Clients, Whole(0, 1 << 30), 240L)
        {
            Origin = "Kestrel's rate; its pause of 5 seconds is here --channel-timeout", Apply = (s, v) => s with { MinBodyRate = Int(v) }, Unit = "bytes per second",
            Help = "A request body that comes more slowly gets 408 once it is --channel-timeout behind: pauses of that length are fine, trickling is not. 0 for no limit.",
            Difference = "New.",
        },
        new("min_response_rate", SettingGroup.Clients, Whole(0, 1 << 30), 240L)
        {
            Origin = "as --min-body-rate", Apply = (s, v) => s with { MinResponseRate = Int(v) }, Unit = "bytes per second",
            Help = "A client that takes a response more slowly, for --channel-timeout while the server waits for it, is cut off (TCP on Linux; elsewhere one that takes nothing). 0 for no limit.",
            Difference = "New.",
        },
    ];
}
