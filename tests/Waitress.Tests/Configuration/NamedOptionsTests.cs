using System.Text.RegularExpressions;
using Waitress.Configuration;
using Waitress.Metrics;

namespace Waitress.Tests.Configuration;

/// <summary>What the documentation and the files of deploy/ call an option is one, under the name it has today.</summary>
public sealed partial class NamedOptionsTests
{
    // The program's own words, which are no settings.
    private static readonly string[] OfTheProgram = ["--help", "--version", "--config", "--check-config", "--call", "--app"];

    private static readonly string Root = Path.GetDirectoryName(Path.GetDirectoryName(SettingsDocs.File()))!;

    [Fact]
    public void Migration_MiddleColumn_NamesOptionsThatExist()
    {
        var rows = Rows("docs/migration.md");
        Assert.InRange(rows.Count, 100, 1000);
        Assert.Equal("", Listed(rows.SelectMany(row => Options(row[1])).Where(IsUnknown)));
    }

    [Fact]
    public void Migration_RowsOfWaitress_HaveEverySettingOfWaitress()
    {
        var theirs = Rows("docs/migration.md").SelectMany(row => Names().Matches(row[0]).Select(match => match.Groups[1].Value)).ToHashSet();
        Assert.Equal("", Listed(SettingsTableTests.WaitressNames.Where(name => !theirs.Contains(name))));
    }

    [Theory]
    [InlineData("deploy/systemd/waitress.toml", @"^(\w+) = ")]
    [InlineData("deploy/Dockerfile", @"WAITRESS_(\w+)=")]
    [InlineData("deploy/compose.yaml", @"^ +WAITRESS_(\w+): ")]
    [InlineData("deploy/kubernetes/deployment.yaml", @"- name: WAITRESS_(\w+)")]
    public void Deployment_SettingsOfAFile_ExistAndTakeTheValues(string file, string pattern)
    {
        var text = File.ReadAllText(Path.Combine(Root, file));
        var names = Regex.Matches(text, pattern, RegexOptions.Multiline).Select(match => match.Groups[1].Value.ToLowerInvariant()).ToList();
        Assert.NotEmpty(names);
        Assert.Equal("", Listed(names.Where(name => SettingsTable.Find(name) is null)));
    }

    [Fact]
    public void Pages_CommandsOfOurs_UseOptionsThatExist()
    {
        var pages = Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Append(Path.Combine(Root, "README.md"));
        var unknown = pages.SelectMany(page => Commands(File.ReadAllText(page)).SelectMany(Options).Where(IsUnknown).Select(option => $"{Path.GetFileName(page)}: {option}"));
        Assert.Equal("", Listed(unknown));
    }

    [Fact]
    public void Pages_MetricsOfOurs_AreInTheTable()
    {
        var known = MetricTable.All.SelectMany(row => new[] { "", "_total", "_bucket", "_sum", "_count", "_info" }.Select(end => row.FullName + end)).ToHashSet();
        var pages = Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Where(page => Path.GetFileName(page) != "metrics.md");
        var unknown = pages.SelectMany(page => Metric().Matches(File.ReadAllText(page)).Select(match => match.Value)
            .Where(name => !known.Contains(name) && !name.StartsWith("waitress_sharp", StringComparison.Ordinal)).Select(name => $"{Path.GetFileName(page)}: {name}"));
        Assert.Equal("", Listed(unknown));
    }

    [Fact]
    public void Pages_LinksOfOurs_LeadSomewhere()
    {
        var pages = Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Concat(Directory.GetFiles(Root, "*.md"))
            .Concat(Directory.GetFiles(Path.Combine(Root, "deploy"), "*.md")).Concat(Directory.GetFiles(Path.Combine(Root, "examples"), "*.md"));
        var broken = pages.SelectMany(page => Link().Matches(File.ReadAllText(page)).Select(match => (Page: page, Target: match.Groups[1].Value, Heading: match.Groups[2].Value)))
            .Where(link => !Leads(Path.Combine(Path.GetDirectoryName(link.Page)!, link.Target.Length == 0 ? Path.GetFileName(link.Page) : link.Target), link.Heading))
            .Select(link => $"{Path.GetFileName(link.Page)}: {link.Target}#{link.Heading}");
        Assert.Equal("", Listed(broken));
    }

    // A heading's anchor as GitHub makes it: small letters, hyphens for blanks, nothing else but letters, digits, hyphens and underscores.
    private static bool Leads(string path, string heading) => heading.Length == 0
        ? Path.Exists(path)
        : File.Exists(path) && File.ReadLines(path).Where(line => line.StartsWith('#'))
            .Select(line => Odd().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-')).Contains(heading);

    private static string Listed(IEnumerable<string> unknown) => string.Join(", ", unknown);

    private static List<string[]> Rows(string page) =>
        [.. File.ReadLines(Path.Combine(Root, page)).Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split(" | ")).Where(cells => cells.Length >= 2)];

    /// <summary>Lines that run our program, with those they go on to after a backslash.</summary>
    private static IEnumerable<string> Commands(string text) =>
        text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n').Select(line => Program().Match(line)).Where(match => match.Success).Select(match => match.Value);

    private static IEnumerable<string> Options(string text) => Option().Matches(text).Select(match => match.Value);

    private static bool IsUnknown(string option)
    {
        var name = option[2..].Replace('-', '_');
        return !OfTheProgram.Contains(option) && SettingsTable.Find(name) is null
            && !(name.StartsWith("no_", StringComparison.Ordinal) && SettingsTable.Find(name[3..]) is not null);
    }

    [GeneratedRegex("--[a-z][a-z0-9-]*[a-z0-9]")]
    private static partial Regex Option();

    [GeneratedRegex(@"waitress-serve .*(?<!`)")]
    private static partial Regex Program();

    [GeneratedRegex(@"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\bwaitress_[a-z_]+")]
    private static partial Regex Metric();

    [GeneratedRegex(@"[^\p{L}\p{N}_ -]")]
    private static partial Regex Odd();

    [GeneratedRegex("`([a-z0-9_]+)`")]
    private static partial Regex Names();
}
