using Waitress.Configuration;
using static Waitress.Tests.Configuration.Given;

namespace Waitress.Tests.Configuration;

public sealed class ClientSettingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("w").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Deny_AddressesAndRanges_HaveOneForm()
    {
        Assert.Equal(["10.0.0.0/8", "2001:db8::1", "192.0.2.1"], Good(Keywords(("deny", "10.0.0.0/8, 2001:DB8:0::1 ::ffff:192.0.2.1 192.0.2.1/32"))).Deny);
        Assert.Equal(["10.0.0.1", "10.0.0.2"], Good(Keywords(("allow", new object?[] { "10.0.0.1", "10.0.0.2 10.0.0.1" }))).Allow);
        Assert.Equal(["10.0.0.1", "10.0.0.2"], Assert.IsType<string[]>(CommandLine.Parse(["--deny=10.0.0.1", "--deny", "10.0.0.2", "app:app"]).Values["deny"]));
    }

    [Theory]
    [InlineData("all")]
    [InlineData("*")]
    [InlineData("example.com")]
    [InlineData("10.0.0.1/8")]
    [InlineData("@")]
    public void Deny_OtherText_IsRefused(string given) => Assert.Contains("@FILE", Bad(Keywords(("deny", given))), StringComparison.Ordinal);

    [Fact]
    public void Deny_Files_AreKeptByFullPathWithTheirSpaces()
    {
        var (one, two) = (Write("one list", "10.0.0.1\n"), Write("two", ""));
        Assert.Equal(["@" + one], Good(Keywords(("deny", "@" + one))).Deny);
        Assert.Equal(["@" + one, "@" + two], Good(Keywords(("deny", $"@{one}, @{two} "))).Deny);
        Assert.Equal(["10.0.0.1", "@" + two], Good(Keywords(("deny", $"10.0.0.1 @{two}"))).Deny);
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), one);
        Assert.Equal(["@" + one], Good(Keywords(("allow", "@" + relative))).Allow);
    }

    [Fact]
    public void Files_Broken_AreErrorsThatNameThem()
    {
        var (bad, missing) = (Write("bad", "10.0.0.1\nten\n"), Path.Combine(_folder, "missing"));
        var outcome = Keywords(("deny", $"@{bad}"), ("allow", $"@{missing}"));
        Assert.Null(outcome.Settings);
        Assert.Equal(2, outcome.Errors.Count);
        Assert.Contains(outcome.Errors, error => error.StartsWith("deny (keyword): ", StringComparison.Ordinal) && error.Contains($"\"{bad}\", line 2", StringComparison.Ordinal));
        Assert.Contains(outcome.Errors, error => error.StartsWith("allow (keyword): ", StringComparison.Ordinal) && error.Contains("no such file", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("deny", "10.0.0.0/8", "10.0.0.1", "is among them")]
    [InlineData("allow", "203.0.113.0/24", "10.0.0.1", "is not among them")]
    [InlineData("allow", "10.0.0.0/8", "10.0.0.1", null)]
    [InlineData("allow", "203.0.113.0/24", "10.0.0.0/8", null)]
    [InlineData("limit_per_address", "5", "*", "no effect")]
    public void Lists_AndTrustedProxies_ThatDoNotFit_AreWarnedOf(string name, string value, string proxy, string? warning)
    {
        var outcome = Keywords((name, value), ("trusted_proxy", proxy), ("trusted_proxy_headers", "x-forwarded-for"));
        Good(outcome);
        if (warning is null)
            Assert.Empty(outcome.Warnings);
        else
            Assert.Contains(warning, Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void RateLimit_ProxyThatDoesNotTellTheClient_IsWarnedOf()
    {
        var outcome = Keywords(("rate_limit", "5/s"), ("trusted_proxy", "10.0.0.1"), ("trusted_proxy_headers", "x-forwarded-proto"));
        Assert.Contains("count as one", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void RateLimit_NoneOrEmpty_IsOff()
    {
        Assert.Null(Good(Keywords(("rate_limit", null))).RateLimit);
        Assert.Null(Good(Keywords(("rate_limit", ""))).RateLimit);
        Assert.Equal((100, 'm', 7), (Good(Keywords(("rate_limit", " 100/m:7 "))).RateLimit is { } rate) ? (rate.Count, rate.Unit, rate.Burst) : default);
    }

    [Theory]
    [InlineData(null, 120, 30)]
    [InlineData(null, 5, 5)]
    [InlineData("60", 5, 60)]
    [InlineData("0.5", 120, 0.5)]
    public void HeaderTimeout_NotStated_IsNoLongerThanTheChannelTimeout(string? stated, long channel, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Good(Keywords(("header_timeout", stated), ("channel_timeout", channel))).HeaderTimeoutInForce);

    [Fact]
    public void HeaderTimeout_Zero_IsNoLimit() => Assert.Equal(Timeout.InfiniteTimeSpan, Good(Keywords(("header_timeout", 0L))).HeaderTimeoutInForce);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
