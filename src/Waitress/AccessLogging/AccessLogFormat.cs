using System.Text;

namespace Waitress.AccessLogging;

/// <summary>How the value of an atom is written.</summary>
internal enum ValueForm
{
    /// <summary>Between quotes of the format.</summary>
    Quoted,

    /// <summary>Outside of quotes, where a space would begin another field.</summary>
    Bare,

    /// <summary>As a JSON value.</summary>
    Json,
}

/// <summary>A part of each line: text that is always the same, then the value of an atom, if there is one.</summary>
internal readonly record struct LinePart(byte[] Before, AccessLogAtom? Atom, ValueForm Form)
{
    public void Write(LineBuffer line, in AccessEntry entry)
    {
        line.Add(Before);
        if (Atom is null)
            return;
        if (Atom.Text is { } text)
        {
            var value = text(entry);
            if (value.IsEmpty && !Atom.MayBeEmpty)
                AddUnknown(line);
            else if (Form == ValueForm.Json)
                line.AddJson(value);
            else
                line.AddText(value, Form == ValueForm.Quoted);
        }
        else if (Atom.Number is { } number)
        {
            if (number(entry) is var value and not AccessEntry.Unknown)
                line.AddNumber(value);
            else
                AddUnknown(line);
        }
        else
            Atom.Bytes!(line, entry);
    }

    private void AddUnknown(LineBuffer line) => line.Add(Form == ValueForm.Json ? "null"u8 : "-"u8);
}

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
        return parts is null ? null : new AccessLogFormat([.. parts], place);
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
        foreach (ref readonly var part in _parts.AsSpan())
            part.Write(line, entry);
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
                var atom = end > 0 && format[at + 1] == '(' && end + 1 < format.Length ? Atom(format[(at + 2)..end], format[end + 1]) : null;
                if (atom is null)
                {
                    refused = end > 0 ? format[at..Math.Min(end + 2, format.Length)] : format[at..];
                    break;
                }

                parts.Add(new LinePart(Taken(), atom, quoted ? ValueForm.Quoted : ValueForm.Bare));
                at = end + 2;
            }
        }

        literal.Append('\n');
        parts.Add(new LinePart(Taken(), null, ValueForm.Bare));
        return refused is null ? parts : null;

        byte[] Taken()
        {
            var bytes = Encoding.UTF8.GetBytes(literal.ToString());
            literal.Clear();
            return bytes;
        }
    }

    private static AccessLogAtom? Atom(string name, char conversion) =>
        AccessLogAtoms.Find(name) is { } atom && (conversion == 's' || (conversion == 'd' && atom.Number is not null)) ? atom : null;
}
