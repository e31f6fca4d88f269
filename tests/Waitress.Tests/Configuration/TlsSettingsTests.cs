using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class TlsSettingsTests
{
    private static SettingsOutcome Read(params string[] arguments) =>
        SettingsReader.Read(new SettingsSources { CommandLine = CommandLine.Parse([.. arguments, "a:b"]).Values });

    [Fact]
    public void Certificates_Repeated_ArePairsInTheirOrder()
    {
        var settings = Read("--certfile=a.pem", "--keyfile=a.key", "--certfile=b c.pem", "--keyfile=b.key").Settings!;
        Assert.Equal(["a.pem", "b c.pem"], settings.Certfile);
        Assert.Equal(["a.key", "b.key"], settings.Keyfile);
        Assert.True(settings.Tls);
        Assert.Equal("https", settings.UrlScheme);
        Assert.Equal("http", Read("--certfile=a", "--url-scheme=http").Settings!.UrlScheme);
    }

    [Theory]
    [InlineData("", true, false)]
    [InlineData("--certfile=a", true, true)]
    [InlineData("--http=1,2", true, true)]
    [InlineData("--http=2", false, true)]
    [InlineData("--certfile=a --http=1", true, false)]
    [InlineData("--certfile=a --http=2", false, true)]
    public void Http_StatedOrNot_GivesTheVersions(string arguments, bool one, bool two)
    {
        var settings = Read(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Settings!;
        Assert.Equal((one, two), (settings.SpeaksHttp1, settings.SpeaksHttp2));
    }

    [Theory]
    [InlineData("--keyfile=a", "keyfile (command line): needs certfile")]
    [InlineData("--ca-certs=a", "ca_certs (command line): needs certfile")]
    [InlineData("--client-cert=required", "client_cert (command line): needs certfile")]
    [InlineData("--tls-min-version=1.3", "tls_min_version (command line): needs certfile")]
    [InlineData("--tls-min-version=1.1", "\"1.1\" is not allowed")]
    [InlineData("--certfile=a --certfile=b --keyfile=a", "2 certificate(s) and 1 key(s)")]
    [InlineData("--certfile=a --client-cert=optional", "needs ca_certs")]
    [InlineData("--certfile=a --ca-certs=b", "needs client_cert=optional or required")]
    [InlineData("--certfile=a --keyfile-password=x --keyfile-password-file=y", "these exclude each other")]
    [InlineData("--http=3", "HTTP/3")]
    [InlineData("--http=1.1", "\"1.1\" is not allowed")]
    [InlineData("--http2-max-streams=0", "http2_max_streams (command line): \"0\" is not allowed")]
    public void Options_ThatDoNotFit_AreErrors(string arguments, string error)
    {
        var outcome = Read(arguments.Split(' '));
        Assert.Contains(error, Assert.Single(outcome.Errors), StringComparison.Ordinal);
        Assert.Null(outcome.Settings);
    }

    [Fact]
    public void Streams_WithoutHttp2_AreAWarning() =>
        Assert.Contains("HTTP/2 is not spoken", Assert.Single(Read("--http2-max-streams=5").Warnings), StringComparison.Ordinal);

    [Fact]
    public void Password_Stated_IsShownNowhere()
    {
        foreach (var outcome in new[]
        {
            Read("--certfile=a", "--keyfile-password=hush"),
            SettingsReader.Read(new SettingsSources { Environment = new Dictionary<string, string> { ["WAITRESS_KEYFILE_PASSWORD"] = "hush", ["WAITRESS_CERTFILE"] = "a" } }),
            SettingsReader.Read(new SettingsSources { Keywords = new Dictionary<string, object?> { ["keyfile_password"] = new List<object?> { "hush" } } }),
        })
        {
            Assert.DoesNotContain("hush", outcome.Report, StringComparison.Ordinal);
            Assert.DoesNotContain(outcome.Errors.Concat(outcome.Warnings), text => text.Contains("hush", StringComparison.Ordinal));
            Assert.DoesNotContain(outcome.Values.Values, value => value?.ToString()?.Contains("hush", StringComparison.Ordinal) ?? false);
            Assert.DoesNotContain("hush", outcome.Settings?.ToString() ?? "", StringComparison.Ordinal);
        }

        Assert.Equal("hush", Read("--certfile=a", "--keyfile-password=hush").Settings!.KeyfilePassword!.Text);
    }
}
