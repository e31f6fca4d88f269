using System.Globalization;

namespace Waitress.Configuration;

/// <summary>
/// How the raw value of an option is read. Raw values are what text, TOML and Python give: null, bool, long, double,
/// string, or a list of these. The rules are Waitress's, except that what it took silently or answered with a bare
/// Python error is refused with the value and what is allowed.
/// </summary>
/// <param name="Placeholder">Stands for the value in help.</param>
/// <param name="Allowed">What is allowed, to follow the words "allowed is".</param>
/// <param name="Convert">Reads a raw value.</param>
internal sealed partial record SettingKind(string Placeholder, string Allowed, SettingKind.Cast Convert)
{
    /// <summary>Casts a raw value; returns null, or the part of what was given that is not allowed, fit to be shown.</summary>
    public delegate string? Cast(object? given, out object? value);

    private static readonly string[] True = ["t", "true", "y", "yes", "on", "1"];
    private static readonly string[] False = ["f", "false", "n", "no", "off", "0", ""];
    private static readonly char[] CommaOrSpace = [',', ' ', '\t', '\r', '\n', '\f', '\v'];

    /// <summary>A value as a user would write it; the default form suits every kind but octal numbers.</summary>
    public Func<object?, string> Show { get; init; } = RawValue.Plain;

    public bool IsFlag => ReferenceEquals(this, Flag);

    // Python's False, None and "" are false as in Waitress; its silent "anything else is false" is not kept.
    public static readonly SettingKind Flag = new("BOOL", "true (t, y, yes, on, 1) or false (f, n, no, off, 0)", (object? given, out object? value) =>
    {
        var text = given switch
        {
            null => "",
            bool truth => truth ? "1" : "0",
            long number => number.ToString(CultureInfo.InvariantCulture),
            string words => words.Trim(),
            _ => "?",
        };
        value = True.Contains(text, StringComparer.OrdinalIgnoreCase);
        return (bool)value || False.Contains(text, StringComparer.OrdinalIgnoreCase) ? null : RawValue.Quote(given);
    });

    /// <summary>A whole number within a range, both ends included; read as Python's int() does.</summary>
    public static SettingKind Whole(long min, long max) => new("N", $"a whole number from {min} to {max}", (object? given, out object? value) =>
    {
        value = RawValue.TryWhole(given, out var number) ? number : null;
        return value is not null && number >= min && number <= max ? null : RawValue.Quote(given);
    });

    /// <summary>The same, where None means "not stated".</summary>
    public static SettingKind WholeOrNone(long min, long max)
    {
        var whole = Whole(min, max);
        return whole with
        {
            Convert = (object? given, out object? value) =>
            {
                value = null;
                return given is null ? null : whole.Convert(given, out value);
            },
        };
    }

    // A number would leave it open whether 600 is meant as octal, so only text is taken, as in Waitress.
    public static readonly SettingKind Octal = new("OCTAL", "octal digits as text, from \"0\" to \"777\"", (object? given, out object? value) =>
    {
        var digits = (given as string)?.Trim() ?? "";
        if (digits.StartsWith("0o", StringComparison.OrdinalIgnoreCase)) digits = digits[2..];
        var octal = digits.Length > 0 && digits.All(digit => digit is >= '0' and <= '7') && digits.TrimStart('0').Length <= 3;
        value = octal ? digits.Aggregate(0L, (sum, digit) => (sum * 8) + (digit - '0')) : null;
        return value is null ? RawValue.Quote(given) : null;
    })
    { Show = value => System.Convert.ToString((long)value!, 8) };

    // These texts reach the app as native strings and the client as header bytes: PEP 3333 allows Latin-1 only, and a
    // control character would let a setting write headers of its own.
    public static readonly SettingKind Text = new("TEXT", "text without control characters, up to U+00FF", (object? given, out object? value) =>
    {
        value = given is long number ? number.ToString(CultureInfo.InvariantCulture) : given as string;
        return value is string text && text.All(RawValue.IsLatin1Text) ? null : RawValue.Quote(given);
    });

    /// <summary>As <see cref="Text"/>; None and the empty text mean that there is none.</summary>
    public static readonly SettingKind TextOrNone = Text with
    {
        Convert = (object? given, out object? value) =>
        {
            value = null;
            return given is null or "" ? null : Text.Convert(given, out value);
        },
    };

    // Waitress takes None for the path "None"; here None and "" mean that there is none.
    public static readonly SettingKind PathOrNone = new("PATH", "a path without the character NUL", (object? given, out object? value) =>
    {
        value = given is string { Length: > 0 } ? given : null;
        return given is null or string && !(given is string path && path.Contains('\0')) ? null : RawValue.Quote(given);
    });

    /// <summary>One leading slash and none at the end, as Waitress makes it; "/" alone stays.</summary>
    public static readonly SettingKind Prefix = Text with
    {
        Placeholder = "PATH",
        Convert = (object? given, out object? value) =>
        {
            var refused = Text.Convert(given, out value);
            if (value is string text && text.Trim() is { Length: > 0 } path) value = "/" + path.Trim('/');
            else if (refused is null) value = "";
            return refused;
        },
    };

    public static readonly SettingKind Host = new("HOST", "a host name, an IP address or *", (object? given, out object? value) =>
    {
        value = given is string text ? ListenAddress.ParseHost(text.Trim()) : null;
        return value is null ? RawValue.Quote(given) : null;
    });

    public static readonly SettingKind Addresses = List(
        "ADDRESSES", "HOST, HOST:PORT, [IPV6], [IPV6]:PORT or *, several separated by spaces, the port from 0 to 65535 or the name of a service", null, 1,
        item => ListenAddress.Parse(item)?.ToString());

    public static readonly SettingKind Peers = List(
        "ADDRESSES", "IP addresses, ranges such as 10.0.0.0/8, localhost (peers on a unix socket) or *, separated by spaces or commas",
        CommaOrSpace, 0, ProxyAddress.Normalize);

    /// <summary>Words out of a known set, in lower case, each once.</summary>
    public static SettingKind Words(params string[] known) => List(
        "NAMES", $"{string.Join(", ", known)}, separated by spaces or commas", CommaOrSpace, 0,
        word => known.Contains(word, StringComparer.OrdinalIgnoreCase) ? word.ToLowerInvariant() : null);

    /// <summary>Descriptors of bound sockets; only <c>serve()</c> has them.</summary>
    public static readonly SettingKind Sockets = new("SOCKETS", "a list of bound sockets", (object? given, out object? value) =>
    {
        value = ValueList<long>.Empty;
        if (given is not IReadOnlyList<object?> items || !items.All(item => item is long and >= 0))
            return RawValue.Quote(given);
        value = new ValueList<long>([.. items.Cast<long>()]);
        return null;
    });

    /// <summary>
    /// A list: text is split, items of a real list are split too, as Waitress does. <paramref name="normalize"/> gives
    /// an item's one form, or null where it is not allowed.
    /// </summary>
    private static SettingKind List(string placeholder, string allowed, char[]? separators, int least, Func<string, string?> normalize)
        => new(placeholder, allowed, (object? given, out object? value) =>
    {
        value = null;
        var parts = given switch
        {
            string text => [text],
            null when least == 0 => [], // Waitress's own default of trusted_proxy.
            IReadOnlyList<object?> list => list,
            _ => null,
        };
        if (parts is null) return RawValue.Quote(given);
        var items = new List<string>();
        foreach (var part in parts)
        {
            if (part is not string text) return RawValue.Quote(part);
            foreach (var item in text.Split(separators, StringSplitOptions.RemoveEmptyEntries))
            {
                if (normalize(item) is not { } form) return RawValue.Quote(item);
                if (!items.Contains(form) || form.EndsWith(":0", StringComparison.Ordinal)) items.Add(form);
            }
        }
        value = new ValueList<string>([.. items]);
        return items.Count >= least ? null : RawValue.Quote(given);
    });
}
