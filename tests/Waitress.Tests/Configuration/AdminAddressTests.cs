using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class AdminAddressTests
{
    [Theory]
    [InlineData("9090", "127.0.0.1:9090")]
    [InlineData(":9090", "127.0.0.1:9090")]
    [InlineData("0", "127.0.0.1:0")]
    [InlineData("0.0.0.0:9090", "0.0.0.0:9090")]
    [InlineData("localhost:9090", "localhost:9090")]
    [InlineData("*:9090", "*:9090")]
    [InlineData("[::1]:9090", "[::1]:9090")]
    [InlineData("unix:/run/app/admin.sock", "unix:/run/app/admin.sock")]
    [InlineData("unix:admin.sock", "unix:admin.sock")]
    public void Parse_OfAnAddress_GivesItsOneForm(string text, string form)
    {
        Assert.Equal(form, AdminAddress.Parse(text)?.ToString());
        Assert.Equal(form, AdminAddress.Parse(form)?.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData("::9090")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("::1")]
    [InlineData("65536")]
    [InlineData("host:")]
    [InlineData("unix:")]
    [InlineData("unix:a\0b")]
    [InlineData("http://127.0.0.1:9090")]
    public void Parse_OfAnythingElse_GivesNothing(string text) => Assert.Null(AdminAddress.Parse(text));

    [Theory]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData(9090L, "127.0.0.1:9090")]
    [InlineData(" 9090 ", "127.0.0.1:9090")]
    public void AdminListen_OfRawValues_IsNormalized(object? given, string? value)
    {
        Assert.Null(SettingKind.AdminAddressOrNone.Convert(given, out var cast));
        Assert.Equal(value, cast);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("", true)]
    [InlineData("/metrics", true)]
    [InlineData("/a%20b", true)]
    [InlineData("metrics", false)]
    [InlineData("/a b", false)]
    [InlineData("/a?b", false)]
    [InlineData("/a#b", false)]
    [InlineData("/ä", false)]
    [InlineData(5L, false)]
    public void MetricsPath_OfRawValues_IsAPathOrRefused(object? given, bool good) =>
        Assert.Equal(good, SettingKind.UrlPathOrNone.Convert(given, out _) is null);
}
