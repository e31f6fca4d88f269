using System.Collections.ObjectModel;

namespace Waitress.Configuration;

/// <summary>
/// What each source states, still raw: null, bool, long, double, string or a list of these. Strongest first; keywords of
/// <c>serve()</c> stand where the command line stands. A source that the caller leaves empty states nothing.
/// </summary>
internal sealed record SettingsSources
{
    /// <summary>By option name with underscores, as <c>CommandLine.Parse</c> gives it.</summary>
    public IReadOnlyDictionary<string, object?> CommandLine { get; init; } = ReadOnlyDictionary<string, object?>.Empty;

    /// <summary>The process's environment, whole; only names of the table are read.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The keys of a TOML file, or of its table [tool.waitress].</summary>
    public IReadOnlyDictionary<string, object?> File { get; init; } = ReadOnlyDictionary<string, object?>.Empty;

    /// <summary>The file's name, for messages and the report.</summary>
    public string? FileName { get; init; }

    public IReadOnlyDictionary<string, object?> Keywords { get; init; } = ReadOnlyDictionary<string, object?>.Empty;
}

/// <summary>What came of the sources.</summary>
/// <param name="Settings">The effective settings; null exactly when there are errors.</param>
/// <param name="Errors">Everything that is wrong in any source, a line each.</param>
/// <param name="Warnings">What works but was hardly meant, a line each.</param>
/// <param name="Report">Every setting, its value and where it came from: the text of --check-config.</param>
/// <param name="Values">
/// Every setting's effective value by name, for the Python package; null where none is stated. <c>workers</c> and <c>threads</c> are
/// numbers in force, and <c>supervised</c> tells whether a supervisor is needed. Empty when there are errors.
/// </param>
internal sealed record SettingsOutcome(
    Settings? Settings, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings, string Report, IReadOnlyDictionary<string, object?> Values);

/// <summary>One place a value can come from.</summary>
/// <param name="Strength">The higher wins; equal ones conflict where options exclude each other.</param>
/// <param name="Label">The place in words, for messages and the report.</param>
internal sealed record SettingOrigin(int Strength, string Label)
{
    public static readonly SettingOrigin Default = new(0, "default");
    public static readonly SettingOrigin CommandLine = new(4, "command line");
    public static readonly SettingOrigin Keyword = new(4, "keyword");

    public static SettingOrigin File(string? name) => new(1, name is null ? "file" : $"file {name}");

    /// <summary>A variable of OpenTelemetry's, which is there for every program: weaker than a file that is meant for this server.</summary>
    public static SettingOrigin OpenTelemetry(string name) => new(0, $"environment {name}");

    /// <summary>PORT and WEB_CONCURRENCY are set by platforms for every program, so a name meant for this server is stronger.</summary>
    public static SettingOrigin Environment(string name, bool platform) => new(platform ? 2 : 3, $"environment {name}");
}

/// <summary>An option with the value that won, cast.</summary>
internal sealed record StatedSetting(SettingRow Row, object? Value, SettingOrigin Origin);
