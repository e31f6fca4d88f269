using System.Globalization;
using System.Text;
using Waitress.AccessLogging;

namespace Waitress.Tests.AccessLogging;

public class LineClockTests
{
    [Theory]
    [InlineData("+02:00", "[05/Mar/2026:09:08:07 +0200]")]
    [InlineData("-03:30", "[05/Mar/2026:03:38:07 -0330]")]
    [InlineData("+00:00", "[05/Mar/2026:07:08:07 +0000]")]
    public void Dates_OfAMoment_AreApachesAndRfc3339s(string offset, string expected)
    {
        var clock = new LineClock(new Elsewhere(TimeSpan.Parse(offset.TrimStart('+'), CultureInfo.InvariantCulture)));
        var moment = new DateTimeOffset(2026, 3, 5, 7, 8, 7, 45, TimeSpan.Zero);
        Assert.Equal(expected, Encoding.ASCII.GetString(clock.Common(moment)));
        var line = new LineBuffer();
        clock.WriteIso(line, moment);
        Assert.Equal("2026-03-05T07:08:07.045Z", Encoding.ASCII.GetString(line.Bytes));
        Assert.Equal(expected.Replace(":07 ", ":08 ", StringComparison.Ordinal), Encoding.ASCII.GetString(clock.Common(moment.AddSeconds(1))));
    }

    private sealed class Elsewhere(TimeSpan offset) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone { get; } = TimeZoneInfo.CreateCustomTimeZone("here", offset, "here", "here");
    }
}
