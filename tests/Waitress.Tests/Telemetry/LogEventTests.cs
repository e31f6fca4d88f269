using System.Reflection;
using Waitress.Telemetry;

namespace Waitress.Tests.Telemetry;

public sealed class LogEventTests
{
    private static readonly LogEvent[] Declared =
        [.. typeof(LogEvent).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<LogEvent>()];

    // The published numbers: an entry may be added, none may get another's number, also after it is gone.
    private static readonly Dictionary<int, string> Published = new()
    {
        [1] = nameof(LogEvent.QueueDepth),
        [2] = nameof(LogEvent.Refused),
        [3] = nameof(LogEvent.LimitReached),
        [4] = nameof(LogEvent.LimitLeft),
        [5] = nameof(LogEvent.TooManyBytes),
        [6] = nameof(LogEvent.TooFewBytes),
        [7] = nameof(LogEvent.BodyForbidden),
        [8] = nameof(LogEvent.Disconnected),
        [9] = nameof(LogEvent.StorageFailed),
        [10] = nameof(LogEvent.ProxyHeaders),
        [11] = nameof(LogEvent.StillRunning),
        [12] = nameof(LogEvent.Lost),
        [13] = nameof(LogEvent.AcceptFailed),
        [14] = nameof(LogEvent.EngineFault),
    };

    [Fact]
    public void All_IsEveryDeclaredEvent()
    {
        Assert.NotEmpty(Declared);
        Assert.Equal(Declared.OrderBy(one => one.Id), LogEvent.All.OrderBy(one => one.Id));
    }

    [Fact]
    public void Ids_AreUniqueAndThePublishedOnes()
    {
        Assert.Equal(LogEvent.All.Count, LogEvent.All.Select(one => one.Id).Distinct().Count());
        foreach (var (id, name) in Published)
        {
            var now = (LogEvent?)typeof(LogEvent).GetField(name)?.GetValue(null);
            Assert.True(now is null || now.Id == id, $"{name} was published as {id}");
            Assert.DoesNotContain(LogEvent.All, one => one.Id == id && one != now);
        }
    }

    [Fact]
    public void Rows_HaveALevelOfPythonAndALoggerOfWaitress()
    {
        Assert.All(LogEvent.All, one => Assert.Contains(one.Level, new[] { 10, 20, 30, 40 }));
        Assert.All(LogEvent.All, one => Assert.Contains(one.Logger, new[] { "waitress", "waitress.queue" }));
    }

    [Fact]
    public void Write_BracesInAValue_ArePlainText() =>
        Assert.Equal("Refused a request from {0} with 400: {x", LogEvent.Refused.Write("{0}", 400, "{x"));
}
