namespace Waitress.Tests.Configuration;

public class LogSettingsTests
{
    [Theory]
    [InlineData("log_level", "INFO", "info")]
    [InlineData("log_level", "", null)]
    [InlineData("log_level", null, null)]
    [InlineData("log_format", "JSON", "json")]
    [InlineData("log_syslog", "/dev/log", "/dev/log")]
    [InlineData("log_syslog", "udp://[::1]", "udp://[::1]")]
    [InlineData("log_syslog", "udp://logs.example:5514", "udp://logs.example:5514")]
    [InlineData("access_logfile", "-", "-")]
    [InlineData("access_logformat", "%(h)s %({x-y}i)s %%", "%(h)s %({x-y}i)s %%")]
    public void Value_ThatIsGood_IsTaken(string name, string? given, string? expected)
    {
        var outcome = Given.Keyword(name, given);
        Given.Good(outcome);
        Assert.Equal(expected, outcome.Values[name]);
    }

    [Theory]
    [InlineData("log_level", "loud")]
    [InlineData("log_format", "xml")]
    [InlineData("log_syslog", "dev/log")]
    [InlineData("log_syslog", "udp://")]
    [InlineData("log_syslog", "udp://*:514")]
    [InlineData("log_syslog", "tcp://host:514")]
    [InlineData("access_logfile", "a\0b")]
    [InlineData("access_logformat", "%(h)s %(nope)s")]
    [InlineData("access_logformat", "")]
    public void Value_ThatIsNotAllowed_IsToldByName(string name, string given) =>
        Assert.StartsWith(name, Given.Bad(Given.Keyword(name, given)), StringComparison.Ordinal);

    [Fact]
    public void Format_WithoutAFile_IsAWarning()
    {
        var outcome = Given.Keyword("access_logformat", "json");
        Assert.Contains("access_logfile", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
        Assert.Equal("json", Given.Good(outcome).AccessLogFormat);
    }
}
