using System.Text;
using Waitress.AccessLogging;
using Waitress.Tests.Configuration;

namespace Waitress.Tests.AccessLogging;

/// <summary>The tables of docs/access-log.md are those of the code; WAITRESS_UPDATE_DOCS=1 writes them anew.</summary>
public class AccessLogDocsTests
{
    [Fact]
    public void Docs_ComparedWithTheTables_AreFresh()
    {
        var file = Path.Combine(Path.GetDirectoryName(SettingsDocs.File())!, "access-log.md");
        var text = File.ReadAllText(file);
        var fresh = Replace(Replace(Replace(text, "atoms", Atoms()), "variables", Variables()), "json", Json());
        if (Environment.GetEnvironmentVariable("WAITRESS_UPDATE_DOCS") == "1")
            File.WriteAllText(file, fresh);
        else
            Assert.True(text == fresh, "docs/access-log.md is stale: run the tests once with WAITRESS_UPDATE_DOCS=1");
    }

    private static string Atoms()
    {
        var text = new StringBuilder("| Atom | What it says |\n| --- | --- |\n");
        foreach (var atom in AccessLogAtoms.Plain)
            text.Append($"| `%({atom.Name})s` | {atom.Help} |\n");
        return text.ToString();
    }

    private static string Variables() => $"{string.Join(", ", AccessLogVariables.Known.Keys.Select(name => $"`{name}`"))} and `HTTP_*`\n";

    private static string Json()
    {
        var text = new StringBuilder("| Field | As the atom |\n| --- | --- |\n");
        foreach (var (field, atom) in AccessLogJson.Fields)
            text.Append($"| `{field}` | {(field == "pid" ? "the process id, a number" : $"`%({atom})s`")} |\n");
        return text.ToString();
    }

    private static string Replace(string text, string name, string table)
    {
        var (begin, end) = ($"<!-- {name} -->\n", $"<!-- end of {name} -->");
        var from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        var to = text.IndexOf(end, StringComparison.Ordinal);
        Assert.InRange(from, begin.Length, to);
        return text[..from] + table + text[to..];
    }
}
