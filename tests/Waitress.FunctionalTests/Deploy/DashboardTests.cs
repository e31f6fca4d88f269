using System.Text.Json;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Admin;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>deploy/grafana-dashboard.json and the rule of the autoscaler ask for metrics and labels that a running server has, in a language that Prometheus takes.</summary>
public sealed partial class DashboardTests
{
    [Fact]
    public async Task Expressions_OfEveryPanel_AskForMetricsThatThereAre()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=127.0.0.1:0", "--worker-class=process", "--workers=1"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        await admin.ReadyAsync();
        await server.AssertServesAsync();
        var text = (await admin.GetAsync("/metrics")).Text;
        var known = Sample().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
        var labels = Label().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
        var expressions = Expressions();
        Assert.InRange(expressions.Count, 20, 200);
        var asked = expressions.SelectMany(each => Metric().Matches(each).Select(match => match.Value)).Append("waitress_request_queue_wait_seconds_bucket").Distinct();
        Assert.Equal("", string.Join(' ', asked.Where(name => !known.Contains(name))));
        var grouped = expressions.SelectMany(each => By().Matches(each).Select(match => match.Groups[1].Value)).Distinct();
        Assert.Equal("", string.Join(' ', grouped.Where(name => !labels.Contains(name))));
        Assert.Contains("waitress_request_queue_wait_seconds_bucket", DeployFile.Read("kubernetes/prometheus-adapter.values"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expressions_OfEveryPanel_AreTakenByPrometheus()
    {
        using var folder = new TemporaryFolder();
        var rules = Expressions().Select((each, index) => new Dictionary<string, string>
        {
            ["record"] = $"panel{index}",
            ["expr"] = each.Replace("$__rate_interval", "1m", StringComparison.Ordinal).Replace("$job", ".*", StringComparison.Ordinal).Replace("$instance", ".*", StringComparison.Ordinal),
        });
        var adapter = Assert.Single(await DeployFile.YamlAsync(DeployFile.Path("kubernetes/prometheus-adapter.values")))
            .GetProperty("rules").GetProperty("custom")[0].GetProperty("metricsQuery").GetString()!;
        rules = rules.Append(new()
        {
            ["record"] = "autoscaler",
            ["expr"] = adapter.Replace("<<.Series>>", "waitress_request_queue_wait_seconds_bucket", StringComparison.Ordinal)
                .Replace("<<.LabelMatchers>>", "namespace=\"a\"", StringComparison.Ordinal).Replace("<<.GroupBy>>", "pod", StringComparison.Ordinal),
        });
        var file = folder.Write("rules.json", JsonSerializer.Serialize(new { groups = new[] { new { name = "all", rules } } }));
        var (code, output) = await DeployFile.RunAsync("promtool", "check", "rules", file);
        Assert.True(code == 0, output);
    }

    private static List<string> Expressions() =>
        [.. JsonDocument.Parse(DeployFile.Read("grafana-dashboard.json")).RootElement.GetProperty("panels").EnumerateArray()
            .Where(panel => panel.TryGetProperty("targets", out _))
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!)];

    [GeneratedRegex(@"^(waitress_\w+)", RegexOptions.Multiline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"[{,](\w+)=""")]
    private static partial Regex Label();

    [GeneratedRegex(@"\bwaitress_\w+")]
    private static partial Regex Metric();

    [GeneratedRegex(@"\bby \((\w+)\)")]
    private static partial Regex By();
}
