using System.Reflection;
using System.Text.RegularExpressions;
using Waitress.Guards;
using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

public partial class MetricTableTests
{
    [Fact]
    public void Rows_DeclaredInTheTable_AreAllListed() => Assert.Equal(
        typeof(MetricTable).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.FieldType == typeof(MetricRow))
            .Select(field => ((MetricRow)field.GetValue(null)!).Name).Order(),
        MetricTable.All.Select(row => row.Name).Order());

    [Fact]
    public void Refusals_OfTheTable_EachHaveALabelOfTheirOwn()
    {
        var rows = typeof(Refusal).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<Refusal>().ToArray();
        var labels = Refusal.All.Select(row => row.Label).ToArray();
        Assert.All(labels, label => Assert.Matches("^[a-z_]+$", label));
        Assert.Equal(labels.Distinct(), labels);
        Assert.All(rows, row => Assert.Contains(row.Label, labels)); // One that is another with a word changed has the other's.
    }

    [Fact]
    public void Places_OfAllRows_DoNotOverlapAndFillTheRegion()
    {
        var cells = MetricTable.All.Where(row => row.Cells > 0).SelectMany(row => Enumerable.Range(row.Place, row.Cells)).Order().ToArray();
        Assert.Equal(Enumerable.Range(0, MetricTable.Cells), cells);
        Assert.All(MetricTable.All.Where(row => row.Outlives), row => Assert.True(row.Place + row.Cells <= MetricTable.Kept));
        Assert.All(MetricTable.All.Where(row => !row.Outlives && row.Cells > 0), row => Assert.True(row.Place >= MetricTable.Kept));
    }

    /// <summary>What promtool and the OpenMetrics specification ask of names.</summary>
    [Fact]
    public void Names_OfAllRows_FollowTheConventions()
    {
        foreach (var row in MetricTable.All)
        {
            Assert.Matches(Name(), row.Name);
            Assert.True(row.Unit == "" || row.Name.EndsWith("_" + row.Unit, StringComparison.Ordinal), row.Name);
            Assert.DoesNotMatch("_(total|info|count|sum|bucket)$", row.Name);
            Assert.EndsWith(".", row.Help, StringComparison.Ordinal);
            Assert.Equal(row.Bounds.Order().Distinct(), row.Bounds);
            Assert.Equal(row.Kind == MetricKind.Histogram, row.Bounds.Count > 0);
        }

        Assert.Equal(MetricTable.All.Count, MetricTable.All.Select(row => row.Instrument).Distinct().Count());
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(256, 1)]
    [InlineData(257, 2)]
    [InlineData(1L << 30, 12)]
    [InlineData(long.MaxValue, 13)]
    public void Bucket_OfAValue_IsTheFirstThatHoldsIt(long value, int bucket) => Assert.Equal(bucket, MetricTable.RequestSize.Bucket(value));

    [Fact]
    public void Docs_ComparedWithTheTable_AreFresh()
    {
        var file = MetricDocs.File();
        if (Environment.GetEnvironmentVariable("WAITRESS_UPDATE_DOCS") == "1")
            File.WriteAllText(file, MetricDocs.Write());
        Assert.True(File.ReadAllText(file) == MetricDocs.Write(), "docs/metrics.md is stale: run the tests once with WAITRESS_UPDATE_DOCS=1");
    }

    [GeneratedRegex("^[a-z][a-z_]*[a-z]$")]
    private static partial Regex Name();
}
