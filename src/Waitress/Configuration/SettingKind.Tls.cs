namespace Waitress.Configuration;

/// <summary>The kinds that only TLS uses.</summary>
internal sealed partial record SettingKind
{
    /// <summary>Text that is shown nowhere, or None.</summary>
    public static readonly SettingKind Hidden = new("TEXT", "text", (object? given, out object? value) =>
    {
        value = given switch
        {
            string { Length: > 0 } text => new Secret(text),
            long number => new Secret(RawValue.Plain(number)), // A password of digits in a TOML file.
            _ => null,
        };
        return given is null or string or long ? null : "what was given";
    })
    { Show = value => value?.ToString() ?? RawValue.Plain(value) };

    public bool IsHidden => ReferenceEquals(this, Hidden);
}
