using System.Text;

namespace Waitress.AccessLogging;

/// <summary>Writes a part of a line.</summary>
internal delegate void LinePart(LineBuffer line, in AccessEntry entry);

/// <summary>A format of lines, compiled once into the parts that each line is made of. Immutable, used by any thread.</summary>
internal sealed class AccessLogFormat
{
    /// <summary>NCSA's common log format, and the combined one with referrer and user agent, which is Gunicorn's default.</summary>
    public const string Common = "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s";
    public const string Combined = Common + " \"%(f)s\" \"%(a)s\"";

    private readonly LinePart[] _parts;

    private AccessLogFormat(LinePart[] parts, AccessLogPlace place) => (_parts, Place) = (parts, place);

    public AccessLogPlace Place { get; }

    /// <summary>Compiles common, combined, json or a text with atoms.</summary>
    /// <param name="format">As the setting has it.</param>
    /// <param name="place">What is the same for every line.</param>
    /// <param name="refused">The part of the format that is not allowed; null when there is none.</param>
    /// <returns>Null exactly when something is refused.</returns>
    public static AccessLogFormat? Compile(string format, AccessLogPlace place, out string? refused)
    {
        var parts = format switch
        {
            "json" => AccessLogJson.Parts(),
            "common" => Parse(Common, out refused),
            "combined" => Parse(Combined, out refused),
            _ => Parse(format, out refused),
        };
        refused = parts is null ? Refused(format) : null;
        return parts is null ? null : new AccessLogFormat([.. parts, Literal("\n")], place);
    }

    /// <summary>The part of a format that is not allowed, or null.</summary>
    public static string? Refused(string format)
    {
        if (format is "json" or "common" or "combined")
            return null;
        Parse(format, out var refused);
        return refused;
    }

    public void Write(LineBuffer line, in AccessEntry entry)
    {
        foreach (var part in _parts)
            part(line, entry);
    }

    /// <summary>Text that is the same in every line.</summary>
    public static LinePart Literal(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return (line, in _) => line.Add(bytes);
    }

    private static List<LinePart>? Parse(string format, out string? refused)
    {
        var parts = new List<LinePart>();
        var literal = new StringBuilder();
        var quoted = false;
        refused = format.Length == 0 || format.Any(char.IsControl) ? format : null;
        for (var at = 0; at < format.Length && refused is null;)
        {
            if (format[at] != '%')
            {
                quoted ^= format[at] == '"';
                literal.Append(format[at++]);
            }
            else if (format.AsSpan(at).StartsWith("%%"))
            {
                literal.Append('%');
                at += 2;
            }
            else
            {
                var end = format.IndexOf(')', at);
                var part = end > 0 && format[at + 1] == '(' && end + 1 < format.Length ? Atom(format[(at + 2)..end], format[end + 1], quoted) : null;
                if (part is null)
                {
                    refused = end > 0 ? format[at..Math.Min(end + 2, format.Length)] : format[at..];
                    break;
                }

                Flush();
                parts.Add(part);
                at = end + 2;
            }
        }

        Flush();
        return refused is null ? parts : null;

        void Flush()
        {
            if (literal.Length > 0)
                parts.Add(Literal(literal.ToString()));
            literal.Clear();
        }
    }

    private static LinePart? Atom(string name, char conversion, bool quoted) =>
        AccessLogAtoms.Find(name) is { } atom && (conversion == 's' || (conversion == 'd' && atom.Number is not null)) ? atom.ForText(quoted) : null;
}
