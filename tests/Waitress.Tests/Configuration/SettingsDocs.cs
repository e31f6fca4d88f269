using System.Runtime.CompilerServices;
using System.Text;
using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

/// <summary>Writes docs/settings.md from the table. It lives here, since only the test that compares the two runs it.</summary>
internal static class SettingsDocs
{
    private const string Intro = """
        # Settings

        This page is made from the table of options in the code (`SettingsTable`); a test fails when the two differ.

        ## Where settings come from

        The strongest source that states a setting wins:

        1. the command line: `waitress-serve --channel-timeout=60 myapp:app`, or the keywords of `serve()` and
           `create_server()`: `serve(app, channel_timeout=60)`;
        2. the environment: `WAITRESS_CHANNEL_TIMEOUT=60`;
        3. `PORT` (for `port`) and `WEB_CONCURRENCY` (for `workers`), which platforms set for every program; empty ones are
           passed over;
        4. a TOML file: the one named by `--config`, else the table `[tool.waitress]` of a `pyproject.toml` beside the app;
        5. the default.

        `serve()` and `create_server()` read the `WAITRESS_*` variables as well, but neither `PORT` and `WEB_CONCURRENCY` nor a
        file. `--check-config` shows every setting, its value and where it came from, and exits. All mistakes of all sources are told at once, before any socket is opened. An unknown
        option, keyword or key of the file is a mistake; an unknown `WAITRESS_` name in the environment is a warning.

        Options that exclude each other are judged by strength too: `--unix-socket` on the command line sets `PORT` aside, while
        `--listen` and `--port` on one command line are a mistake.

        ## How values are written

        | kind | written as |
        | --- | --- |
        | true or false | `true`, `t`, `yes`, `y`, `on`, `1`, or `false`, `f`, `no`, `n`, `off`, `0` and empty, in any case. Anything else is a mistake; Waitress took it for false. On the command line `--x`, `--no-x` or `--x=BOOL`. |
        | whole number | `1000` or `1_000`; sizes are in bytes, times in seconds. Out of range is a mistake; Waitress had no ranges. |
        | list | text with spaces between the items, or a list. |
        | octal | text, such as `"660"`; a number is refused, since it would not show whether it is meant as octal. |

        On the command line a value follows after `=` or as the next argument, names may be shortened as long as they stay unique
        (`--list=...`), `--listen` adds up when repeated (so do `--certfile`, `--keyfile` and the other lists), and of other repeated options the last one counts. Options may stand
        before or after the app.

        ## The file

        In a file of its own the keys stand at the top:

        ```toml
        listen = ["127.0.0.1:8080", "[::1]:8080"]
        threads = 8
        trusted_proxy = ["10.0.0.0/8"]
        trusted_proxy_headers = ["x-forwarded-for", "x-forwarded-proto"]
        max_request_body_size = 16_777_216
        ```

        In `pyproject.toml` they stand in a table; hyphens do as well as underscores:

        ```toml
        [tool.waitress]
        port = 8080
        graceful-timeout = 60
        ```

        ## The environment

        The name is `WAITRESS_` and the setting's name in capitals:

        ```sh
        WAITRESS_LISTEN="127.0.0.1:8080 [::1]:8080" WAITRESS_EXPOSE_TRACEBACKS=yes waitress-serve myapp:app
        ```

        A `WAITRESS_PORT` that begins with `tcp://` is Kubernetes's link to a service named waitress; it is passed over with a
        warning.

        """;

    public static string Write()
    {
        var text = new StringBuilder(Intro);
        foreach (var group in SettingsTable.Rows.GroupBy(row => row.Group))
        {
            text.Append($"\n## {SettingsTable.Title(group.Key)}\n\n");
            text.Append("| setting | value | default | default from | meaning | unlike Waitress |\n| --- | --- | --- | --- | --- | --- |\n");
            foreach (var row in group)
                text.Append($"| {Names(row)} | {row.Kind.Allowed} | {Default(row)} | {row.Origin} | {row.Help} | {row.Difference} |\n");
        }
        return text.ToString().Replace("|  |\n", "| |\n", StringComparison.Ordinal);
    }

    public static string File([CallerFilePath] string here = "")
    {
        var folder = Path.GetDirectoryName(here)!;
        while (!System.IO.File.Exists(Path.Combine(folder, "Waitress.slnx"))) folder = Path.GetDirectoryName(folder)!;
        return Path.Combine(folder, "docs", "settings.md");
    }

    private static string Names(SettingRow row) => row.ServeOnly ? $"`{row.Name}` (keyword only)"
        : row.PlatformName is null ? $"`{row.Name}`" : $"`{row.Name}`, `{row.PlatformName}` in the environment";

    private static string Default(SettingRow row)
        => row.DefaultText ?? (row.Unit is "" ? $"`{row.ShownDefault}`" : $"`{row.ShownDefault}` {row.DefaultUnit}");
}
