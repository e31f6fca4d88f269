using System.Text;

namespace Waitress.Configuration;

internal static partial class CommandLine
{
    // Narrower than this, wrapping would leave single words; wider, lines get hard to read.
    private const int NarrowestHelp = 60;
    private const int WidestHelp = 100;

    private static readonly (string Option, string Help)[] OwnOptions =
    [
        ("-h, --help", "Show this help and exit."),
        ("--version", "Show the version and exit."),
        ("--app=MODULE:OBJECT", "The app, if it is not given by position."),
        ("--call", "The app's name stands for a factory: call it without arguments to get the app."),
        ("--config=FILE", "Read settings from this TOML file, or from the table [tool.waitress] of a pyproject.toml."),
        ("--check-config", "Show the effective settings and where each came from, and exit."),
    ];

    /// <summary>The text of --help, wrapped at <paramref name="width"/> columns and made from the table.</summary>
    public static string Help(string program, int width)
    {
        width = Math.Clamp(width, NarrowestHelp, WidestHelp);
        var text = new StringBuilder();
        text.Append($"Usage: {program} [OPTIONS] [MODULE:OBJECT]\n\n");
        Wrap(text, 0, width, "Serve a WSGI app. MODULE:OBJECT says where it is, as in myapp:app or pkg.web:site.app. Options may stand before or after it, and be shortened as long as they stay unique; --[no-]x stands for --x, --no-x and --x=BOOL.");
        text.Append("\nGeneral:\n");
        foreach (var (option, help) in OwnOptions) Entry(text, width, option, help);
        foreach (var group in SettingsTable.Rows.Where(row => !row.ServeOnly).GroupBy(row => row.Group))
        {
            text.Append($"\n{SettingsTable.Title(group.Key)}:\n");
            foreach (var row in group) Entry(text, width, Synopsis(row), $"{row.Help} {DefaultOf(row)}");
        }
        text.Append("\nSettings from elsewhere:\n");
        Wrap(text, 2, width, "The environment sets any option by its name with WAITRESS_ in front, as in WAITRESS_CHANNEL_TIMEOUT=60; PORT and WEB_CONCURRENCY set --port and --workers. The command line is stronger than the environment, and that than the file.");
        text.Append("\nExamples:\n");
        foreach (var example in (string[])["--port=8080 myapp:app", "--listen=127.0.0.1:8080 --listen=[::1]:8080 myapp:app", "--unix-socket=/run/myapp.sock --threads=8 --call myapp:create_app", "--check-config --config=pyproject.toml"])
            text.Append($"  {program} {example}\n");
        return text.ToString();
    }

    private static string Synopsis(SettingRow row)
        => (row.ShortOption is { } letter ? letter + ", " : "")
            + (row.Kind.IsFlag ? $"--[no-]{row.Option[2..]}" : $"{row.Option}={row.Kind.Placeholder}");

    private static string DefaultOf(SettingRow row)
        => row.Unit.Length > 0 && row.DefaultText is null ? $"(default: {row.ShownDefault} {row.DefaultUnit})" : $"(default: {row.ShownDefault})";

    private static void Entry(StringBuilder text, int width, string option, string help)
    {
        text.Append($"  {option}\n");
        Wrap(text, 8, width, help);
    }

    private static void Wrap(StringBuilder text, int indent, int width, string words)
    {
        var column = 0;
        foreach (var word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var fits = column > 0 && column + 1 + word.Length <= width;
            if (column > 0) text.Append(fits ? ' ' : '\n');
            if (!fits) text.Append(' ', indent);
            text.Append(word);
            column = (fits ? column + 1 : indent) + word.Length;
        }
        text.Append('\n');
    }
}
