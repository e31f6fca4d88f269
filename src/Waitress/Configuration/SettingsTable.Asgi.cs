using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>The rows of asynchronous apps.</summary>
internal static partial class SettingsTable
{
    private const string AsUvicorn = "Uvicorn";

    private static SettingRow[] AsgiRows =>
    [
        new("interface", SettingGroup.Asgi, Word(Settings.Auto, Settings.Wsgi, Settings.Asgi), Settings.Auto)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { Interface = (string)v! },
            Help = "What kind of app it is. auto finds out: a coroutine function, or an object whose __call__ is one, is an ASGI app.",
            Difference = "New.",
        },
        new("loop", SettingGroup.Asgi, Word("auto", "asyncio", "uvloop"), "auto")
        {
            Origin = AsUvicorn, Apply = Elsewhere,
            Help = "Event loop of ASGI apps. auto: uvloop (on Windows winloop) where it is installed, else asyncio's own.",
            Difference = "New.",
        },
        new("lifespan", SettingGroup.Asgi, Word("auto", "on", "off"), "auto")
        {
            Origin = AsUvicorn, Apply = Elsewhere,
            Help = "Whether an ASGI app is told of start-up and shutdown. auto: if it knows the protocol; on: one that does not is an error.",
            Difference = "New.",
        },
        new("asgi_websockets", SettingGroup.Asgi, TextOrNone, null)
        {
            Origin = "none", Apply = (s, v) => s with { AsgiWebsockets = (string?)v },
            Help = "An ASGI app, as MODULE:OBJECT, that gets the WebSockets while the (WSGI) app gets the HTTP requests of the same addresses.",
            Difference = "New.",
        },
        new("limit_concurrency", SettingGroup.Asgi, WholeOrNone(1, int.MaxValue), null)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { LimitConcurrency = (int?)(long?)v }, Unit = "requests",
            DefaultText = "the connection limit",
            Help = "How many requests and WebSockets an ASGI worker may have at once; one more gets 503 with Retry-After.",
            Difference = "New.",
        },
        new("loop_stall", SettingGroup.Asgi, Seconds(0, LongestTimeout), 1d)
        {
            Origin = "what a user notices", Apply = (s, v) => s with { LoopStall = (double)v! }, Unit = "seconds",
            Help = "When an event loop has not turned for so long while requests are with the app, the log gets the stack of its thread; 0 for never.",
            Difference = "New.",
        },
        new("timeout_keep_alive", SettingGroup.Asgi, SecondsOrNone(1, LongestTimeout), null)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { TimeoutKeepAlive = (double?)v }, Unit = "seconds",
            DefaultText = "channel_timeout",
            Help = "How long a connection may be idle between two requests, of any kind of app; then it is closed.",
            Difference = "New.",
        },
        new("ws_max_size", SettingGroup.Asgi, Size(1 << 30), 16_777_216L)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { WsMaxSize = (long)v! }, Unit = "bytes",
            Help = "The largest WebSocket message that a client may send; for a larger one the connection is closed with 1009.",
            Difference = "New.",
        },
        new("ws_max_queue", SettingGroup.Asgi, Whole(1, 100_000), 32L)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { WsMaxQueue = Int(v) }, Unit = "messages",
            Help = "How many messages of one WebSocket may wait for the app; then the client has to wait.",
            Difference = "New.",
        },
        new("ws_ping_interval", SettingGroup.Asgi, Seconds(0, LongestTimeout), 20d)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { WsPingInterval = (double)v! }, Unit = "seconds",
            Help = "How often a WebSocket's client gets a ping; 0 for never.",
            Difference = "New.",
        },
        new("ws_ping_timeout", SettingGroup.Asgi, Seconds(0, LongestTimeout), 20d)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { WsPingTimeout = (double)v! }, Unit = "seconds",
            Help = "How long the answer to a ping may take; then the connection is cut; 0 for any time.",
            Difference = "New.",
        },
        new("ws_compress", SettingGroup.Asgi, Flag, true)
        {
            Origin = AsUvicorn, Apply = (s, v) => s with { WsCompress = (bool)v! },
            Help = "Whether WebSocket messages are compressed where the client can (permessage-deflate, RFC 7692).",
            Difference = "New.",
        },
    ];
}
