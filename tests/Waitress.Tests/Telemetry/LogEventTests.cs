using System.Reflection;
using Waitress.Telemetry;

namespace Waitress.Tests.Telemetry;

public class LogEventTests
{
    [Fact]
    public void Numbers_OfAllRows_AreDifferentAndAscend() =>
        Assert.Equal(LogEvent.All.Select(entry => entry.Id).Distinct().Order(), LogEvent.All.Select(entry => entry.Id));

    [Fact]
    public void Rows_DeclaredInTheTable_AreAllListed() => Assert.Equal(
        typeof(LogEvent).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (LogEvent)field.GetValue(null)!).OrderBy(entry => entry.Id),
        LogEvent.All);

    [Fact]
    public void Write_ValuesWithBraces_AreTextAsTheyAre() =>
        Assert.Equal("Client disconnected while serving GET /{0}", LogEvent.Disconnected.Write("GET", "/{0}"));

    [Fact]
    public void Docs_ComparedWithTheTable_AreFresh()
    {
        var file = LogDocs.File();
        if (Environment.GetEnvironmentVariable("WAITRESS_UPDATE_DOCS") == "1")
            File.WriteAllText(file, LogDocs.Write());
        Assert.True(File.ReadAllText(file) == LogDocs.Write(), "docs/logging.md is stale: run the tests once with WAITRESS_UPDATE_DOCS=1");
    }
}
