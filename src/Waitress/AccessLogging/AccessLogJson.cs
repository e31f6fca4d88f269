using System.Text;

namespace Waitress.AccessLogging;

/// <summary>The fields of a line of <c>json</c>, each the value of an atom. What is not known is null; every line has every field.</summary>
internal static class AccessLogJson
{
    /// <summary>Field and atom, in the order of the line; time and pid, which are not text of a client's, are made by themselves.</summary>
    public static IReadOnlyList<(string Field, string Atom)> Fields { get; } =
    [
        ("time", "time"), ("remote", "h"), ("user", "u"), ("method", "m"), ("target", "{REQUEST_URI}e"), ("protocol", "H"), ("scheme", "scheme"),
        ("host", "host"), ("status", "s"), ("bytes", "B"), ("request_bytes", "request_bytes"), ("referer", "f"), ("user_agent", "a"),
        ("duration_us", "D"), ("queue_us", "queue_us"), ("gil_us", "gil_us"), ("app_us", "app_us"), ("pid", "p"), ("worker", "worker"),
        ("trace_id", "trace"), ("refused", "refused"),
    ];

    private static readonly AccessLogAtom Time = new("time", "") { Bytes = WriteTime };
    private static readonly AccessLogAtom Pid = new("pid", "") { Bytes = static (line, in entry) => line.Add(entry.Place.Pid) };

    public static List<LinePart> Parts()
    {
        var parts = new List<LinePart>();
        foreach (var (field, name) in Fields)
        {
            var atom = field switch
            {
                "time" => Time,
                "pid" => Pid,
                _ => AccessLogAtoms.Find(name)!,
            };
            parts.Add(new LinePart(Encoding.UTF8.GetBytes($"{(parts.Count == 0 ? "{" : ",")}\"{field}\":"), atom, ValueForm.Json));
        }

        parts.Add(new LinePart("}\n"u8.ToArray(), null, ValueForm.Json));
        return parts;
    }

    private static void WriteTime(LineBuffer line, in AccessEntry entry)
    {
        line.Add("\""u8);
        entry.Clock.WriteIso(line, entry.Now);
        line.Add("\""u8);
    }
}
