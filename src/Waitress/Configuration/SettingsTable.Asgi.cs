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
    ];
}
