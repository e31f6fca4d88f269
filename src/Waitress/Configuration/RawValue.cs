using System.Globalization;
using System.Text;

namespace Waitress.Configuration;

/// <summary>What is known about values before they are cast: how to show them, and how Python reads a whole number.</summary>
internal static class RawValue
{
    // Long enough for any sensible value; a message must not grow with what was given.
    private const int LongestQuote = 80;

    /// <summary>The value as a user would write it.</summary>
    public static string Plain(object? value) => value switch
    {
        null => "none",
        "" => "\"\"",
        bool flag => flag ? "true" : "false",
        string text => text,
        ValueList<string> { Count: 0 } or ValueList<long> { Count: 0 } => "none",
        ValueList<string> list => string.Join(' ', list),
        ValueList<long> list => string.Join(' ', list),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => "?",
    };

    /// <summary>What was given, for a message: quoted, without control characters, bounded.</summary>
    public static string Quote(object? given) => given switch
    {
        null => "None",
        string text => $"\"{Printable(text)}\"",
        IReadOnlyList<object?> { Count: 0 } => "an empty list",
        IReadOnlyList<object?> list => $"the list [{string.Join(", ", list.Take(3).Select(QuoteItem))}{(list.Count > 3 ? ", ..." : "")}]",
        bool or long or double => Plain(given),
        IReadOnlyDictionary<string, object?> => "a table",
        _ => "a value of another type",
    };

    // No recursion: a list of lists of lists comes from TOML as deep as its writer likes.
    private static string QuoteItem(object? item) => item is IReadOnlyList<object?> ? "a list" : Quote(item);

    public static bool IsLatin1Text(char c) => c is >= ' ' and <= '\xFF' and not (>= '\x7F' and <= '\x9F');

    /// <summary>As Python's int(): "5", " +5 ", "1_000", 5, 2.9 (2) and True (1), not "0.5" and not "1GB".</summary>
    public static bool TryWhole(object? given, out long number)
    {
        number = given switch
        {
            long whole => whole,
            bool truth => truth ? 1 : 0,
            // Beyond 2^53 a double no longer holds every whole number.
            double real when Math.Abs(real) < 1L << 53 => (long)real,
            _ => 0,
        };
        return given is long or bool
            || (given is double value && Math.Abs(value) < 1L << 53)
            || (given is string text && TryText(text.Trim(), out number));
    }

    private static bool TryText(string text, out long number)
    {
        number = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '_') continue;
            if (i == 0 || i == text.Length - 1 || !char.IsAsciiDigit(text[i - 1]) || !char.IsAsciiDigit(text[i + 1])) return false;
        }
        return long.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
    }

    private static string Printable(string text)
    {
        var shown = new StringBuilder();
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, LongestQuote)))
            shown.Append(char.IsControl(c) || char.IsSurrogate(c) ? $"\\u{(int)c:x4}" : c);
        return text.Length > LongestQuote ? shown.Append("...").ToString() : shown.ToString();
    }
}
