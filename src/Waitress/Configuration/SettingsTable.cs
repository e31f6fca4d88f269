using static Waitress.Configuration.SettingGroup;
using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>
/// The one table of options: the command line, serve()'s keywords, the file, the environment, --help and
/// docs/settings.md are all made from it. Pure data, safe on any thread.
/// </summary>
/// <remarks>
/// To add an option: 1. a property with its default in <see cref="Settings"/>; 2. a row here, in its group, whose Apply
/// sets the property; 3. where it works together with others, a rule in <c>SettingsRules</c>; 4. run the tests once with
/// WAITRESS_UPDATE_DOCS=1 to rewrite docs/settings.md. The tests compare the table with each place it is used.
/// </remarks>
internal static partial class SettingsTable
{
    private const string AsWaitress = "Waitress";

    // The longest time that every timer of .NET takes: int.MaxValue milliseconds, about 24 days.
    private const long LongestTimeout = 2_147_483;

    // A size of 1 TiB is beyond what memory and temporary files hold; more is a slip.
    private const long LargestSize = 1L << 40;

    public static readonly IReadOnlyList<SettingRow> Rows =
    [
        new("host", SettingGroup.Listening, Host, ListenAddress.AnyIPv4)
        {
            Origin = AsWaitress, Apply = Folded,
            Help = "Host name or IP address to listen on; with --port it makes one address. Cannot be combined with --listen, --unix-socket or handed-over sockets.",
        },
        new("port", SettingGroup.Listening, Whole(0, 65_535), 8080L)
        {
            Origin = AsWaitress, Apply = Folded, PlatformName = "PORT",
            Help = "TCP port to listen on; 0 lets the system choose a free one. With the port alone the server listens on every IPv4 address.",
            Difference = "Ports above 65535 are refused; Waitress let the system wrap them.",
        },
        new("listen", SettingGroup.Listening, Addresses, new ValueList<string>([$"{ListenAddress.AnyIPv4}:{ListenAddress.DefaultPort}"]))
        {
            Repeats = true, Origin = AsWaitress, Apply = (s, v) => s with { Listen = Strings(v) },
            Help = "Addresses to listen on, each HOST, HOST:PORT, [IPV6], [IPV6]:PORT or * (all interfaces); without a port it is 8080. A name of a service such as http stands for its port. On the command line it may be repeated.",
            Difference = "Names of services are looked up in /etc/services alone, when listening starts.",
        },
        new("ipv4", SettingGroup.Listening, Flag, true)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { Ipv4 = (bool)v! },
            Help = "Use IPv4 addresses when a name or * stands for several.",
        },
        new("ipv6", SettingGroup.Listening, Flag, true)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { Ipv6 = (bool)v! },
            Help = "Use IPv6 addresses when a name or * stands for several.",
        },
        new("unix_socket", SettingGroup.Listening, PathOrNone, null)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { UnixSocket = (string?)v },
            Help = "Path of a unix socket to listen on instead of TCP. A socket file nobody listens on is replaced, one in use never.",
            Difference = "None and an empty value mean that there is none; Waitress took None for the path \"None\".",
        },
        new("unix_socket_perms", SettingGroup.Listening, Octal, 0x180L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { UnixSocketPerms = Int(v) }, Unit = "octal",
            Help = "File permissions of the unix socket, as octal digits.",
        },
        new("sockets", SettingGroup.Listening, Sockets, ValueList<long>.Empty)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { Sockets = (ValueList<long>)v! }, ServeOnly = true,
            Help = "Sockets that the caller has bound; the server listens on them and opens none of its own. Only serve() and create_server() take it.",
            Difference = "Whatever is not a socket is refused; Waitress left it out without a word.",
        },
        new("backlog", SettingGroup.Listening, Whole(1, int.MaxValue), 1024L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { Backlog = Int(v) }, Unit = "connections",
            Help = "How many new connections the system keeps waiting until they are accepted; the system may set a lower limit of its own.",
        },
        new("connection_limit", SettingGroup.Listening, Whole(1, int.MaxValue), 10_000L)
        {
            Origin = "this server: an idle connection costs it little", Apply = (s, v) => s with { ConnectionLimit = Int(v) }, Unit = "connections",
            Help = "Open connections at which no more are accepted; further clients wait in the backlog, none is refused.",
            Difference = "The default was 100, and the server's own descriptors counted.",
        },

        .. WorkerRows,
        .. SupervisionRows,
        .. ProgramRows,
        .. AsgiRows,
        .. TlsRows,
        .. ClientRows,
        .. LoggingRows,
        .. AdminRows,
        .. MemoryRows,

        new("url_scheme", App, Text, "http")
        {
            Origin = AsWaitress, Apply = (s, v) => s with { UrlScheme = (string)v! },
            Help = "wsgi.url_scheme as the app sees it, unless a trusted proxy tells another.",
        },
        new("url_prefix", App, Prefix, "")
        {
            Origin = AsWaitress, Apply = (s, v) => s with { UrlPrefix = (string)v! }, DefaultText = "none",
            Help = "SCRIPT_NAME of every request; PATH_INFO loses it where it begins with it. One leading slash is added, slashes at the end are taken off.",
        },
        new("ident", App, TextOrNone, "waitress")
        {
            Origin = AsWaitress, Apply = (s, v) => s with { Ident = (string?)v },
            Help = "Value of the Server header and of SERVER_SOFTWARE; empty for no Server header.",
        },
        new("server_name", App, Text, "waitress.invalid")
        {
            Origin = AsWaitress, Apply = (s, v) => s with { ServerName = (string)v! },
            Help = "SERVER_NAME as the app sees it, unless a trusted proxy tells another.",
        },

        new("trusted_proxy", Proxies, Peers, ValueList<string>.Empty)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { TrustedProxy = Strings(v) },
            Help = "Peers whose proxy headers are believed: IP addresses, ranges such as 10.0.0.0/8, localhost for peers on a unix socket, or * for all.",
            Difference = "Waitress took one address or *. A host name is refused: it never matched a peer.",
        },
        new("trusted_proxy_count", Proxies, Whole(1, 1_000), 1L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { TrustedProxyCount = Int(v) }, Unit = "hops",
            Help = "How many proxies in a row are trusted, counted from the server. Needs --trusted-proxy.",
            Difference = "0 is refused; in Waitress it trusted the whole chain.",
        },
        new("trusted_proxy_headers", Proxies, Words([.. SettingsRules.ProxyHeaders]), ValueList<string>.Empty)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { TrustedProxyHeaders = Strings(v) },
            DefaultText = "none; x-forwarded-proto when only --trusted-proxy is given",
            Help = "Headers that are believed when a trusted proxy sent them: forwarded alone, or any of x-forwarded-for, x-forwarded-host, x-forwarded-proto, x-forwarded-port and x-forwarded-by. Needs --trusted-proxy.",
            Difference = "Commas may separate them too.",
        },
        new("clear_untrusted_proxy_headers", Proxies, Flag, true)
        {
            Origin = "Waitress 3", Apply = (s, v) => s with { ClearUntrustedProxyHeaders = (bool)v! },
            Help = "Remove proxy headers that are not trusted from what the app sees.",
        },
        new("log_untrusted_proxy_headers", Proxies, Flag, false)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { LogUntrustedProxyHeaders = (bool)v! },
            Help = "Log the proxy headers that were removed.",
        },

        new("max_request_header_size", Limits, Whole(1, 1 << 30), 262_144L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { MaxRequestHeaderSize = (long)v! }, Unit = "bytes",
            Help = "A request whose request line and headers reach this size is refused with 431.",
        },
        new("max_request_body_size", Limits, Whole(1, long.MaxValue), 1_073_741_824L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { MaxRequestBodySize = (long)v! }, Unit = "bytes",
            Help = "A request whose body reaches this size is refused with 413.",
        },
        new("inbuf_overflow", Limits, Whole(0, LargestSize), 524_288L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { InbufOverflow = (long)v! }, Unit = "bytes",
            Help = "A request body larger than this moves from memory to a temporary file.",
        },
        new("outbuf_overflow", Limits, Whole(0, LargestSize), 1_048_576L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { OutbufOverflow = (long)v! }, Unit = "bytes",
            Help = "A response waiting for its client moves from memory to a temporary file when it is larger than this.",
        },
        new("outbuf_high_watermark", Limits, Whole(0, LargestSize), 16_777_216L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { OutbufHighWatermark = (long)v! }, Unit = "bytes",
            Help = "The worker pauses while more than this waits for the client.",
        },
        new("channel_timeout", Limits, Whole(1, LongestTimeout), 120L)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { ChannelTimeout = Int(v) }, Unit = "seconds",
            Help = "A connection on which nothing moves for this long, and no request runs, is closed.",
        },
        new("graceful_timeout", Limits, Whole(0, LongestTimeout), 30L)
        {
            Origin = "Kubernetes's grace period", Apply = (s, v) => s with { GracefulTimeout = Int(v) }, Unit = "seconds",
            Help = "How long requests in flight may take to finish after the server was told to stop.",
            Difference = "New; Waitress waited 5 seconds, and only after Ctrl-C.",
        },

        new("log_socket_errors", Logging, Flag, true)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { LogSocketErrors = (bool)v! },
            Help = "Log clients that leave before their answer is complete.",
            Difference = "Errors raised by the app are always logged.",
        },
        new("expose_tracebacks", Logging, Flag, false)
        {
            Origin = AsWaitress, Apply = (s, v) => s with { ExposeTracebacks = (bool)v! },
            Help = "Show the app's traceback to the client in the answer 500. For development only.",
        },

        new("recv_bytes", NoEffect, Whole(1, int.MaxValue), 8192L)
        {
            Origin = AsWaitress, Apply = Ignored, Unit = "bytes",
            Help = "No effect here, because the engine chooses the sizes of its buffers itself.",
        },
        new("send_bytes", NoEffect, Whole(0, int.MaxValue), 1L)
        {
            Origin = AsWaitress, Apply = Ignored, Unit = "bytes",
            Help = "No effect here, because the engine decides itself when to write. Deprecated in Waitress too.",
        },
        new("channel_request_lookahead", NoEffect, Whole(0, int.MaxValue), 0L)
        {
            Origin = AsWaitress, Apply = Ignored, Unit = "requests",
            Help = "No effect here, because the engine always reads on while a request runs: waitress.client_disconnected works without it.",
        },
        new("cleanup_interval", NoEffect, Whole(0, LongestTimeout), 30L)
        {
            Origin = AsWaitress, Apply = Ignored, Unit = "seconds",
            Help = "No effect here, because idle connections are looked for once a second whatever their number.",
        },
        new("asyncore_loop_timeout", NoEffect, Whole(0, LongestTimeout), 1L)
        {
            Origin = AsWaitress, Apply = Ignored, Unit = "seconds",
            Help = "No effect here, because there is no asyncore loop: the engine waits for events.",
        },
        new("asyncore_use_poll", NoEffect, Flag, false)
        {
            Origin = AsWaitress, Apply = Ignored,
            Help = "No effect here, because the engine always uses the system's best way to wait (epoll, kqueue, completion ports).",
        },
    ];

    private static readonly Dictionary<string, SettingRow> ByName = Rows.ToDictionary(row => row.Name, StringComparer.Ordinal);

    /// <summary>The row of a name known to be in the table.</summary>
    public static SettingRow Row(string name) => ByName[name];

    /// <summary>The row of a name that somebody wrote, or null.</summary>
    public static SettingRow? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>The heading of a group in help and docs.</summary>
    public static string Title(SettingGroup group) => group switch
    {
        SettingGroup.Listening => "Where it listens",
        SettingGroup.Workers => "Who runs the app",
        Supervision => "Who watches the workers",
        Program => "The program itself",
        App => "What the app is told",
        SettingGroup.Asgi => "Asynchronous apps",
        Proxies => "Proxies in front",
        SettingGroup.Tls => "TLS and versions of HTTP",
        SettingGroup.Clients => "Who may connect, and at what pace",
        Limits => "Limits",
        Logging => "What is told",
        AccessLog => "The access log",
        SettingGroup.Admin => "Metrics, health, status and traces",
        _ => "Accepted as in Waitress, without effect here",
    };

    // Host and port are folded into listen before settings are made.
    private static Settings Folded(Settings settings, object? value) => settings;

    private static Settings Ignored(Settings settings, object? value) => settings;

    private static int Int(object? value) => (int)(long)value!;

    private static ValueList<string> Strings(object? value) => (ValueList<string>)value!;
}
