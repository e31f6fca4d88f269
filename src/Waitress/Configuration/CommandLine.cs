using System.CommandLine;

namespace Waitress.Configuration;

/// <summary>What the arguments say. Values are raw text by option name; casting them is the reader's part.</summary>
/// <param name="App">The app's name as given, by --app or by position; null when none, or more than one, was given.</param>
/// <param name="Call">The app's name stands for a factory that is to be called.</param>
/// <param name="Help">Help was asked for; the caller prints it and exits, whatever else was given.</param>
/// <param name="Version">The version was asked for.</param>
/// <param name="Config">The file named by --config.</param>
/// <param name="CheckConfig">The effective settings were asked for, instead of serving.</param>
/// <param name="Values">What was given for options of the table: one text each.</param>
/// <param name="Errors">Everything that is wrong with the arguments themselves, a line each.</param>
internal sealed record CommandLineResult(
    string? App, bool Call, bool Help, bool Version, string? Config, bool CheckConfig,
    IReadOnlyDictionary<string, object?> Values, IReadOnlyList<string> Errors);

/// <summary>
/// The arguments of waitress-serve. Spellings are expanded as getopt did it for Waitress (abbreviations, --no-x), then
/// System.CommandLine parses, with symbols built from the table. It only parses: printing and exiting belong to Python.
/// Pure, never throws on what a user wrote.
/// </summary>
internal static partial class CommandLine
{
    private static readonly ParserConfiguration Configuration = new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };

    public static CommandLineResult Parse(IReadOnlyList<string> arguments)
    {
        var errors = new List<string>();
        var valued = OptionSpelling.All.Where(spelling => spelling.Text == spelling.Option && spelling.Shape != OptionShape.Bare)
            .ToDictionary(spelling => spelling.Option, spelling => new Option<string[]>(spelling.Option) { Arity = ArgumentArity.OneOrMore });
        var bare = OptionSpelling.All.Where(spelling => spelling.Shape == OptionShape.Bare)
            .ToDictionary(spelling => spelling.Option, spelling => new Option<bool>(spelling.Option) { Arity = ArgumentArity.Zero });
        var apps = new Argument<string[]>("app") { Arity = ArgumentArity.ZeroOrMore };
        // No RootCommand, whose help and version would act by themselves.
        var command = new Command("waitress-serve") { apps };
        foreach (var option in valued.Values) command.Options.Add(option);
        foreach (var option in bare.Values) command.Options.Add(option);

        var parsed = command.Parse(OptionSpelling.Expand(arguments, errors), Configuration);
        errors.AddRange(parsed.Errors.Select(error => error.Message));

        // The tokens and not GetValue, which throws for an option whose value is missing.
        string[] Given(string option) => [.. parsed.GetResult(valued[option])?.Tokens.Select(token => token.Value) ?? []];
        bool Is(string option) => parsed.GetResult(bare[option]) is { Implicit: false };
        string[] placed = [.. parsed.GetResult(apps)?.Tokens.Select(token => token.Value) ?? []];

        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var row in SettingsTable.Rows.Where(row => !row.ServeOnly))
        {
            // As Waitress: listen adds up, of others the last one counts.
            if (Given(row.Option) is { Length: > 0 } given) values[row.Name] = row.Repeats && given.Length > 1 ? given : given[^1];
        }
        var app = App([.. placed, .. Given("--app")], Is("--help") || Is("--version") || Is("--check-config"), errors);
        return new CommandLineResult(app, Is("--call"), Is("--help"), Is("--version"), Given("--config").LastOrDefault(), Is("--check-config"), values, errors);
    }

    private static string? App(string[] names, bool mayLack, List<string> errors)
    {
        // A misspelled option leaves its value behind as one name too many: that is told already.
        if (errors.Count > 0) return names.Length == 1 ? names[0] : null;
        if (names.Length > 1) errors.Add("Provide only one WSGI app");
        else if ((names.Length == 0 || names[0].Length == 0) && !mayLack) errors.Add("Specify an application");
        return names is [{ Length: > 0 } name] ? name : null;
    }
}
