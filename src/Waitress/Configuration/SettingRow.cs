namespace Waitress.Configuration;

/// <summary>The part of the server an option belongs to; help and docs list the groups in this order.</summary>
internal enum SettingGroup
{
    Listening,
    Workers,
    Supervision,
    Program,
    App,
    Proxies,
    Asgi,
    Tls,
    Clients,
    Limits,
    Logging,
    AccessLog,
    Admin,
    NoEffect,
}

/// <summary>
/// One option: all that the command line, the environment, the file, <c>serve()</c>, help and docs know about it.
/// </summary>
/// <param name="Name">Waitress's name, words joined by underscores; every other spelling is derived from it.</param>
/// <param name="Group">Where help and docs list it.</param>
/// <param name="Kind">How a raw value is read, and what is allowed.</param>
/// <param name="Default">The value when no source states one, already in the form <paramref name="Kind"/> casts to.</param>
internal sealed record SettingRow(string Name, SettingGroup Group, SettingKind Kind, object? Default)
{
    /// <summary>What it does, in plain words; whole sentences, shown in help and docs.</summary>
    public required string Help { get; init; }

    /// <summary>Where the default comes from: Waitress, or the reason for another.</summary>
    public required string Origin { get; init; }

    /// <summary>Puts a cast value into the settings.</summary>
    public required Func<Settings, object?, Settings> Apply { get; init; }

    /// <summary>Unit of the value, in words; empty where there is none.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The default in words, where the value alone does not tell.</summary>
    public string? DefaultText { get; init; }

    /// <summary>What differs from Waitress, for the docs.</summary>
    public string? Difference { get; init; }

    /// <summary>True where only <c>serve()</c> can give it, since no text can.</summary>
    public bool ServeOnly { get; init; }

    /// <summary>A name from outside that platforms set for every server; weaker than the option's own name.</summary>
    public string? PlatformName { get; init; }

    /// <summary>The one-letter option that Gunicorn has for it, with its hyphen.</summary>
    public string? ShortOption { get; init; }

    /// <summary>Whether it adds up when the command line repeats it; of other repeated options the last one counts.</summary>
    public bool Repeats { get; init; }

    public string Option => "--" + Name.Replace('_', '-');
    public string EnvironmentName => "WAITRESS_" + Name.ToUpperInvariant();
    public string DefaultUnit => Default is 1L ? Unit.TrimEnd('s') : Unit;
    public string ShownDefault => DefaultText ?? Shown(Default);

    /// <summary>The value as a user would write it.</summary>
    public string Shown(object? value) => Kind.Show(value);
}
