using Waitress.Configuration;
using Waitress.Tracing;

namespace Waitress.Tests.Configuration;

public sealed class OtelSettingsTests
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private static SettingsOutcome Read(params (string Name, string Value)[] environment) => SettingsReader.Read(new SettingsSources { Environment = Given.Texts(environment) });

    [Fact]
    public void Endpoint_OfOpenTelemetry_CountsWhereNothingElseStatesIt()
    {
        var outcome = Read((Endpoint, "https://collector:4318/base"));
        Assert.Equal("https://collector:4318/base", Given.Good(outcome).OtlpEndpoint);
        Assert.Equal($"otlp_endpoint https://collector:4318/base environment {Endpoint}", Given.Line(outcome, "otlp_endpoint"));
        var file = SettingsReader.Read(new SettingsSources { Environment = Given.Texts((Endpoint, "http://other")), File = Given.Values(("otlp_endpoint", "http://mine")) });
        Assert.Equal("http://mine", Given.Good(file).OtlpEndpoint);
        var none = SettingsReader.Read(new SettingsSources { Environment = Given.Texts((Endpoint, "http://other")), CommandLine = Given.Values(("otlp_endpoint", "")) });
        Assert.Null(Given.Good(none).OtlpEndpoint);
    }

    [Theory]
    [InlineData("", "", "")]
    [InlineData("http://collector:4317", "", "")]
    [InlineData("http://collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
    [InlineData("http://collector:4318", "OTEL_SDK_DISABLED", "True")]
    public void Endpoint_ThatIsNotMeantForHttp_IsNotUsed(string endpoint, string name, string value)
    {
        var outcome = Read((Endpoint, endpoint), (name.Length > 0 ? name : "X", value));
        Assert.Null(Given.Good(outcome).OtlpEndpoint);
        Assert.Empty(outcome.Warnings);
    }

    [Fact]
    public void Endpoint_OnGrpcsPort_IsUsedWhereItIsToldToSpeakHttp() =>
        Assert.Equal("http://collector:4317", Given.Good(Read((Endpoint, "http://collector:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"))).OtlpEndpoint);

    [Fact]
    public void Endpoint_OfOpenTelemetryThatIsNone_IsAWarning()
    {
        var outcome = Read((Endpoint, "collector:4318"));
        Assert.Null(Given.Good(outcome).OtlpEndpoint);
        Assert.Contains(Endpoint, Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("collector:4318")]
    [InlineData("ftp://collector")]
    [InlineData("http://")]
    [InlineData("http://user:password@collector")]
    [InlineData("http://collector/?x")]
    [InlineData("http://collector/#x")]
    [InlineData("http://collector:99999")]
    public void Option_ThatIsNoUrl_IsAnError(string url) => Assert.StartsWith("otlp_endpoint (keyword): ", Given.Bad(Given.Keyword("otlp_endpoint", url)), StringComparison.Ordinal);

    [Fact]
    public void Variables_AreReadWithTheEndpoint()
    {
        var otel = Given.Good(Read((Endpoint, "http://c"), ("OTEL_SERVICE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "a=1, b=x%20y"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%3Dcret,x=1"), ("OTEL_METRIC_EXPORT_INTERVAL", "100"), ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"), ("OTEL_METRICS_EXPORTER", "none"), ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"))).Otel;
        Assert.Equal("shop", otel.ServiceName);
        Assert.Equal([new("a", "1"), new("b", "x y")], otel.Attributes);
        Assert.Equal([new("api-key", "s=cret"), new("x", "1")], otel.Headers);
        Assert.Equal((100, 0, 2500), (otel.Interval.TotalMilliseconds, otel.Delay.TotalMilliseconds, otel.Timeout.TotalMilliseconds));
        Assert.Equal((true, false), (otel.Traces, otel.Metrics));
        Assert.Equal((new Sampler(true, 0.5), null, true), (otel.Sampler, otel.MostTraces, otel.Gzip));
    }

    [Fact]
    public void Variables_WithoutTheEndpoint_AreNobodysBusiness() => Assert.Empty(Read(("OTEL_METRIC_EXPORT_INTERVAL", "soon")).Warnings);

    [Theory]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL", "soon")]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL", "0")]
    [InlineData("OTEL_EXPORTER_OTLP_TIMEOUT", "-1")]
    [InlineData("OTEL_TRACES_SAMPLER", "jaeger_remote")]
    [InlineData("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")]
    [InlineData("OTEL_RESOURCE_ATTRIBUTES", "a")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0d%0aX:1")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "a=secr\u00e8t")]
    public void Variable_ThatIsNone_IsAWarningAndTheDefaultStays(string name, string value)
    {
        var outcome = Read((Endpoint, "http://c"), (name, value));
        var warning = Assert.Single(outcome.Warnings);
        Assert.Contains(name, warning, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", warning, StringComparison.Ordinal);
        Assert.Equal((1000, false), (outcome.Settings!.Otel.MostTraces, outcome.Settings.Otel.Gzip));
        Assert.Equal((60, 10, Sampler.Default, 0), (Given.Good(outcome).Otel.Interval.TotalSeconds, outcome.Settings!.Otel.Timeout.TotalSeconds, outcome.Settings.Otel.Sampler, outcome.Settings.Otel.Headers.Count));
    }
}
