using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class SettingsRulesTests
{
    private static SettingsOutcome Keywords(params (string Name, object? Value)[] pairs) => Given.Keywords(pairs);

    [Theory]
    [InlineData("host", "127.0.0.1", "listen", "*:80")]
    [InlineData("port", "80", "listen", "*:80")]
    [InlineData("port", "80", "unix_socket", "/a")]
    [InlineData("host", "::1", "unix_socket", "/a")]
    [InlineData("listen", "*:80", "unix_socket", "/a")]
    public void Places_TwoInOneSource_AreAnErrorNamingBoth(string one, string oneValue, string other, string otherValue)
    {
        var error = Given.Bad(Keywords((one, oneValue), (other, otherValue)));
        Assert.Contains("exclude each other", error, StringComparison.Ordinal);
        Assert.Contains($"{one} (keyword)", error, StringComparison.Ordinal);
        Assert.Contains($"{other} (keyword)", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("host", "127.0.0.1")]
    [InlineData("port", "80")]
    [InlineData("listen", "*")]
    [InlineData("unix_socket", "/a")]
    public void Places_SocketsAndAnother_AreAnError(string name, string value)
        => Assert.Contains("exclude", Given.Bad(Keywords((name, value), ("sockets", new object?[] { 3L }))), StringComparison.Ordinal);

    [Fact]
    public void Places_NoSocketsAndNoPath_LeaveTheOthersAlone()
        => Assert.Equal(["0.0.0.0:80"], Given.Good(Keywords(("port", 80L), ("sockets", Array.Empty<object?>()), ("unix_socket", null))).Listen);

    [Fact]
    public void Places_StrongerSource_SetsTheWeakerAsideAndTheReportTells()
    {
        var outcome = SettingsReader.Read(new()
        {
            CommandLine = Given.Values(("unix_socket", "/run/a.sock")),
            Environment = Given.Texts(("PORT", "5000")),
            File = Given.Values(("listen", "*:80")),
        });
        var settings = Given.Good(outcome);
        Assert.Equal("/run/a.sock", settings.UnixSocket);
        Assert.Equal(new Settings().Listen, settings.Listen);
        Assert.Empty(outcome.Warnings);
        Assert.Contains("5000 from environment PORT set aside: unix_socket from command line is stronger", Given.Line(outcome, "port"), StringComparison.Ordinal);

        Assert.Equal("host 0.0.0.0 default (not used: unix_socket says where to listen)", Given.Line(outcome, "host"));

        var listen = SettingsReader.Read(new() { CommandLine = Given.Values(("listen", "*:80")), Environment = Given.Texts(("PORT", "5000")) });
        Assert.Equal(["*:80"], Given.Good(listen).Listen);
        var own = SettingsReader.Read(new() { Environment = Given.Texts(("PORT", "5000"), ("WAITRESS_LISTEN", "*:80")) });
        Assert.Equal(["*:80"], Given.Good(own).Listen);
        var platform = SettingsReader.Read(new() { Environment = Given.Texts(("PORT", "5000")), File = Given.Values(("listen", "*:80")) });
        Assert.Equal(["0.0.0.0:5000"], Given.Good(platform).Listen);
    }

    [Fact]
    public void HostAndPort_FromDifferentSources_MakeOneAddress()
    {
        var outcome = SettingsReader.Read(new() { Environment = Given.Texts(("PORT", "5000")), File = Given.Values(("host", "::1")) });
        Assert.Equal(["[::1]:5000"], Given.Good(outcome).Listen);
    }

    [Fact]
    public void Proxies_HeadersOrCountWithoutProxy_AreErrors()
    {
        Assert.Contains("needs trusted_proxy", Given.Bad(Keywords(("trusted_proxy_headers", "x-forwarded-for"))), StringComparison.Ordinal);
        Assert.Contains("needs trusted_proxy", Given.Bad(Keywords(("trusted_proxy_count", 2L), ("trusted_proxy", ""))), StringComparison.Ordinal);
    }

    [Fact]
    public void Proxies_ProxyWithoutHeaders_ImpliesProtoWithAWarning()
    {
        var outcome = Keywords(("trusted_proxy", "*"));
        Assert.Equal(["x-forwarded-proto"], Given.Good(outcome).TrustedProxyHeaders);
        Assert.Contains("x-forwarded-proto", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Proxies_ForwardedWithOthers_IsAnError()
    {
        Assert.Contains("stands alone", Given.Bad(Keywords(("trusted_proxy", "*"), ("trusted_proxy_headers", "Forwarded X-Forwarded-For"))), StringComparison.Ordinal);
        Assert.Equal(["forwarded"], Given.Good(Keywords(("trusted_proxy", "*"), ("trusted_proxy_headers", "Forwarded forwarded"))).TrustedProxyHeaders);
    }

    [Fact]
    public void Proxies_WrongProxyAndHeaders_TellOnlyTheProxy()
        => Assert.Contains("\"proxy.example\"", Given.Bad(Keywords(("trusted_proxy", "proxy.example"), ("trusted_proxy_headers", "forwarded"))), StringComparison.Ordinal);

    [Fact]
    public void Threads_ThreadsAlone_AreOneWorker()
    {
        Assert.Equal(8, Given.Good(Keywords(("threads", 8L))).Concurrency);
        Assert.Equal(6, Given.Good(Keywords(("threads", 2L), ("workers", 3L))).Concurrency);
        Assert.Contains("1000000 threads", Given.Bad(Keywords(("threads", 1000L), ("workers", 1000L))), StringComparison.Ordinal);
    }

    [Fact]
    public void Families_BothOff_AreBothOnWithAWarning()
    {
        var outcome = Keywords(("ipv4", false), ("ipv6", false));
        Assert.Equal(new Settings(), Given.Good(outcome));
        Assert.Single(outcome.Warnings);
        Assert.True(Given.Good(Keywords(("ipv4", false))) is { Ipv4: false, Ipv6: true });
    }

    [Fact]
    public void Remarks_SendBytesOrLonePrefixSlash_WarnAndWork()
    {
        Assert.Contains("deprecated", Assert.Single(Keywords(("send_bytes", 1L)).Warnings), StringComparison.Ordinal);
        var slash = Keywords(("url_prefix", "/"));
        Assert.Equal("/", Given.Good(slash).UrlPrefix);
        Assert.Single(slash.Warnings);
    }
}
