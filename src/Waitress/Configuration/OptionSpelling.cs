namespace Waitress.Configuration;

/// <summary>Whether an option takes a value on the command line.</summary>
internal enum OptionShape
{
    /// <summary>Never.</summary>
    Bare,

    /// <summary>It may, after an equals sign; without one it means true, and --no-x means false.</summary>
    Flag,

    /// <summary>Always.</summary>
    Valued,
}

/// <summary>One way to write an option, and the full option it stands for.</summary>
/// <param name="Text">What the user writes, whole: --ipv4, --no-ipv4.</param>
/// <param name="Option">The option that is meant: --ipv4.</param>
/// <param name="Shape">Whether it takes a value.</param>
internal sealed record OptionSpelling(string Text, string Option, OptionShape Shape)
{
    public static IReadOnlyList<OptionSpelling> All { get; } =
    [
        new("--help", "--help", OptionShape.Bare),
        new("--version", "--version", OptionShape.Bare),
        new("--call", "--call", OptionShape.Bare),
        new("--check-config", "--check-config", OptionShape.Bare),
        new("--app", "--app", OptionShape.Valued),
        new("--config", "--config", OptionShape.Valued),
        .. SettingsTable.Rows.Where(row => !row.ServeOnly)
            .Select(row => new OptionSpelling(row.Option, row.Option, row.Kind.IsFlag ? OptionShape.Flag : OptionShape.Valued)),
        .. SettingsTable.Rows.Where(row => row.ShortOption is not null)
            .Select(row => new OptionSpelling(row.ShortOption!, row.Option, OptionShape.Valued)),
        .. SettingsTable.Rows.Where(row => row.Kind.IsFlag)
            .Select(row => new OptionSpelling($"--no-{row.Option[2..]}", row.Option, OptionShape.Flag)),
    ];

    public bool Negated => Text.StartsWith("--no-", StringComparison.Ordinal) && Text != Option;

    /// <summary>
    /// Writes every option out in full: abbreviations, --no-x as --x=false and a bare --x as --x=true, so that the order
    /// of the two decides like that of any repeated option; then "--" and the names. What is no option of ours is told
    /// and left out.
    /// </summary>
    /// <remarks>
    /// System.CommandLine 2.0.0 would take a first argument such as "[x]" for a directive and drop one that equals the
    /// command's name, so names stand after "--"; and it reads "--x= y" as "--x=y", so an empty value is an argument of its own.
    /// </remarks>
    public static IReadOnlyList<string> Expand(IReadOnlyList<string> arguments, List<string> errors)
    {
        var expanded = new List<string>(arguments.Count);
        var names = new List<string> { "--" };
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (argument == "--")
            {
                names.AddRange(arguments.Skip(i + 1));
                break;
            }
            if (!argument.StartsWith('-') || argument == "-")
            {
                names.Add(argument);
                continue;
            }
            // -w4 is -w 4, as for getopt.
            if (argument.Length > 2 && argument[1] != '-' && argument[2] != '=' && All.FirstOrDefault(known => known.Text == argument[..2]) is { } letter)
            {
                expanded.Add($"{letter.Option}={argument[2..]}");
                continue;
            }
            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var name = argument == "-h" ? "--help" : equals < 0 ? argument : argument[..equals];
            var value = equals < 0 ? null : argument[(equals + 1)..];
            if (Resolve(name, errors) is not { } spelling) continue;
            if (value is not null && (spelling.Shape == OptionShape.Bare || spelling.Negated))
            {
                errors.Add($"{spelling.Text} takes no value, but {RawValue.Quote(value)} was given");
                continue;
            }
            if (spelling.Shape == OptionShape.Flag) value ??= spelling.Negated ? "false" : "true";
            // The argument after a valued option is its value, whatever it looks like.
            if (spelling.Shape == OptionShape.Valued && value is null && i + 1 < arguments.Count) value = arguments[++i];
            expanded.Add(string.IsNullOrEmpty(value) ? spelling.Option : $"{spelling.Option}={value}");
            if (value is "") expanded.Add(value);
        }
        return [.. expanded, .. names];
    }

    private static OptionSpelling? Resolve(string name, List<string> errors)
    {
        if (All.FirstOrDefault(spelling => spelling.Text == name) is { } exact) return exact;
        var meant = name.StartsWith("--", StringComparison.Ordinal)
            ? All.Where(spelling => spelling.Text.StartsWith(name, StringComparison.Ordinal)).ToArray() : [];
        if (meant.Length == 1) return meant[0];
        errors.Add(meant.Length > 1
            ? $"option {RawValue.Quote(name)} could be {string.Join(", ", meant.Select(spelling => spelling.Text).Order(StringComparer.Ordinal))}"
            : $"unknown option {RawValue.Quote(name)}{NearestName.Suggest(name, All.Select(spelling => spelling.Text), "--")}");
        return null;
    }
}
