using System.Globalization;

namespace Waitress.Configuration;

/// <summary>The kinds that only the options of workers and their supervision use.</summary>
internal sealed partial record SettingKind
{
    /// <summary>The value of <c>workers=auto</c>: as many as the process may use processors.</summary>
    public const long Auto = 0;

    private const string AutoWord = "auto";

    /// <summary>A whole number from 1, "auto" for the processors that the process may use, or None for "not stated".</summary>
    public static SettingKind WorkersOrNone(long max)
    {
        var whole = WholeOrNone(1, max);
        return whole with
        {
            Allowed = $"{whole.Allowed}, or {AutoWord}",
            Convert = (object? given, out object? value) =>
            {
                value = Auto;
                return given is string text && text.Trim() == AutoWord ? null : whole.Convert(given, out value);
            },
            Show = value => value is Auto ? AutoWord : RawValue.Plain(value),
        };
    }

    /// <summary>A time in seconds, fractions allowed, within a range, both ends included.</summary>
    public static SettingKind Seconds(double min, double max) => new("SECONDS", $"a number of seconds from {RawValue.Plain(min)} to {RawValue.Plain(max)}", (object? given, out object? value) =>
    {
        double? number = given switch
        {
            long whole => whole,
            double real => real,
            string text when double.TryParse(text.Trim(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var parsed) => parsed,
            _ => null,
        };
        value = number;
        return number >= min && number <= max ? null : RawValue.Quote(given);
    });

    /// <summary>A size in bytes; K, M, G and T stand for powers of 1024, as in systemd's MemoryMax=.</summary>
    public static SettingKind Size(long max) => new("SIZE", $"bytes from 0 to {max}, or a number with K, M, G or T (times 1024 each)", (object? given, out object? value) =>
    {
        var text = (given as string)?.Trim() ?? "";
        var power = text.Length == 0 ? 0 : "KMGT".IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal) + 1;
        var number = 0L;
        var good = RawValue.TryWhole(power == 0 ? given : text[..^1], out number) && number >= 0 && number <= max >> (10 * power);
        value = good ? number << (10 * power) : null;
        return good ? null : RawValue.Quote(given);
    });

    /// <summary>As <see cref="Octal"/>; None means "not stated".</summary>
    public static SettingKind OctalOrNone => Octal with
    {
        Convert = (object? given, out object? value) =>
        {
            value = null;
            return given is null ? null : Octal.Convert(given, out value);
        },
        Show = value => value is null ? RawValue.Plain(value) : Octal.Show(value),
    };

    /// <summary>One word out of a known set, in lower case.</summary>
    public static SettingKind Word(params string[] known) => new("NAME", string.Join(", ", known), (object? given, out object? value) =>
    {
        value = (given as string)?.Trim().ToLowerInvariant();
        return known.Contains((string?)value) ? null : RawValue.Quote(given);
    });

    /// <summary>Paths, each an item of its own: text is one path, since a path may hold spaces.</summary>
    public static readonly SettingKind Paths = new("PATH", "paths without the character NUL", (object? given, out object? value) =>
    {
        var parts = given switch
        {
            null or "" => [],
            string text => [text],
            IReadOnlyList<object?> list => list,
            _ => null,
        };
        value = parts is null ? null : new ValueList<string>([.. parts.OfType<string>()]);
        return parts is not null && parts.All(part => part is string { Length: > 0 } path && !path.Contains('\0')) ? null : RawValue.Quote(given);
    });
}
