using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class SettingKindTests
{
    private static object? Cast(string name, object? given)
    {
        var row = SettingsTable.Row(name);
        var refused = row.Kind.Convert(given, out var value);
        Assert.True(refused is null, refused);
        return value;
    }

    private static string? Refused(string name, object? given) => SettingsTable.Row(name).Kind.Convert(given, out _);

    /// <summary>Every number of the table: its default, smallest and largest.</summary>
    public static TheoryData<string, long?, long, long> Limits => new()
    {
        { "port", 8080, 0, 65_535 },
        { "backlog", 1024, 1, int.MaxValue },
        { "connection_limit", 10_000, 1, int.MaxValue },
        { "workers", null, 1, 10_000 },
        { "threads", null, 1, 10_000 },
        { "max_threads", null, 1, 10_000 },
        { "backlog_limit", null, 1, int.MaxValue },
        { "min_workers", null, 1, 10_000 },
        { "max_workers", null, 1, 10_000 },
        { "max_requests", 0, 0, int.MaxValue },
        { "max_requests_jitter", 0, 0, int.MaxValue },
        { "trusted_proxy_count", 1, 1, 1_000 },
        { "http2_max_streams", 100, 1, 1_000 },
        { "max_request_header_size", 262_144, 1, 1_073_741_824 },
        { "max_request_body_size", 1_073_741_824, 1, long.MaxValue },
        { "inbuf_overflow", 524_288, 0, 1_099_511_627_776 },
        { "outbuf_overflow", 1_048_576, 0, 1_099_511_627_776 },
        { "outbuf_high_watermark", 16_777_216, 0, 1_099_511_627_776 },
        { "channel_timeout", 120, 1, 2_147_483 },
        { "channel_request_lookahead", 0, 0, int.MaxValue },
        { "graceful_timeout", 30, 0, 2_147_483 },
        { "limit_concurrency", null, 1, int.MaxValue },
        { "ws_max_queue", 32, 1, 100_000 },
        { "limit_per_address", null, 1, int.MaxValue },
        { "min_body_rate", 240, 0, 1_073_741_824 },
        { "min_response_rate", 240, 0, 1_073_741_824 },
        { "recv_bytes", 8192, 1, int.MaxValue },
        { "send_bytes", 1, 0, int.MaxValue },
        { "cleanup_interval", 30, 0, 2_147_483 },
        { "asyncore_loop_timeout", 1, 0, 2_147_483 },
    };

    [Fact]
    public void Limits_ComparedWithTheTable_AreAllTested()
        => Assert.Equal(
            SettingsTable.Rows.Where(row => row.Kind.Placeholder == "N").Select(row => row.Name).Order(),
            Limits.Select(limit => (string)limit[0]).Order());

    [Theory]
    [MemberData(nameof(Limits))]
    public void Limit_Default_IsAsStated(string name, long? value, long min, long max)
    {
        Assert.Equal(value, SettingsTable.Row(name).Default);
        Assert.True(value is null || (value >= min && value <= max));
    }

    [Theory]
    [MemberData(nameof(Limits))]
    public void Limit_Valid_BothEndsAreAllowed(string name, long? value, long min, long max)
    {
        _ = value;
        Assert.Equal(min, Cast(name, min));
        Assert.Equal(max, Cast(name, max.ToString(CultureInfo.InvariantCulture)));
        // Through to the record: no property is too narrow for its range.
        var row = SettingsTable.Row(name);
        Assert.NotNull(row.Apply(new Settings(), max));
    }

    [Theory]
    [MemberData(nameof(Limits))]
    public void Limit_Invalid_BeyondEitherEndIsRefused(string name, long? value, long min, long max)
    {
        _ = value;
        Assert.Equal((min - 1).ToString(CultureInfo.InvariantCulture), Refused(name, min - 1));
        Assert.Equal("\"-1\"", Refused(name, "-1"));
        if (max < long.MaxValue) Assert.NotNull(Refused(name, max + 1));
        Assert.Equal("\"9223372036854775808\"", Refused(name, "9223372036854775808"));
    }

    [Theory]
    [InlineData("5", 5)]
    [InlineData(" +5\n", 5)]
    [InlineData("1_000", 1000)]
    [InlineData("007", 7)]
    [InlineData(2.9, 2)]
    [InlineData(true, 1)]
    public void Whole_WhatPythonsIntTakes_IsTaken(object given, long expected) => Assert.Equal(expected, Cast("backlog", given));

    [Theory]
    [InlineData("1GB")]
    [InlineData("0.5")]
    [InlineData("")]
    [InlineData("1__0")]
    [InlineData("_1")]
    [InlineData("1_")]
    [InlineData("+_1")]
    [InlineData("0x10")]
    [InlineData("1,000")]
    [InlineData("(5)")]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1e300)]
    [InlineData(null)]
    public void Whole_WhatPythonsIntRefuses_IsRefused(object? given) => Assert.NotNull(Refused("backlog", given));

    [Theory]
    [InlineData("t", true)]
    [InlineData("TRUE", true)]
    [InlineData(" Yes ", true)]
    [InlineData("y", true)]
    [InlineData("on", true)]
    [InlineData("1", true)]
    [InlineData(1L, true)]
    [InlineData(true, true)]
    [InlineData("f", false)]
    [InlineData("False", false)]
    [InlineData("no", false)]
    [InlineData("n", false)]
    [InlineData("off", false)]
    [InlineData("0", false)]
    [InlineData(0L, false)]
    [InlineData("", false)]
    [InlineData(false, false)]
    [InlineData(null, false)]
    public void Flag_KnownWords_AreRead(object? given, bool expected) => Assert.Equal(expected, Cast("ipv4", given));

    [Theory]
    [InlineData("enabled")]
    [InlineData("2")]
    [InlineData(2L)]
    [InlineData(1.0)]
    [InlineData("?")]
    public void Flag_AnythingElse_IsRefused(object given) => Assert.NotNull(Refused("ipv4", given));

    [Theory]
    [InlineData("600", 0x180)]
    [InlineData("0660", 0x1B0)]
    [InlineData("0o777", 0x1FF)]
    [InlineData("0", 0)]
    [InlineData("000", 0)]
    public void Octal_Digits_AreRead(string given, long expected) => Assert.Equal(expected, Cast("unix_socket_perms", given));

    [Theory]
    [InlineData("999")]
    [InlineData("1000")]
    [InlineData("")]
    [InlineData("0o")]
    [InlineData("-600")]
    [InlineData(384L)]
    [InlineData(null)]
    public void Octal_AnythingElse_IsRefused(object? given) => Assert.NotNull(Refused("unix_socket_perms", given));

    [Theory]
    [InlineData("/app", "/app")]
    [InlineData("app/", "/app")]
    [InlineData(" //a/b// ", "/a/b")]
    [InlineData("/", "/")]
    [InlineData("", "")]
    [InlineData("  ", "")]
    public void Prefix_AnyForm_IsNormalisedAsWaitressDoes(string given, string expected) => Assert.Equal(expected, Cast("url_prefix", given));

    [Theory]
    [InlineData("a\r\nSet-Cookie: b")]
    [InlineData("a\0b")]
    [InlineData("a\u007F")]
    [InlineData("a\u0085")]
    [InlineData("日本")]
    public void Text_ControlOrBeyondLatin1_IsRefused(string given)
    {
        foreach (var name in (string[])["ident", "server_name", "url_scheme", "url_prefix"]) Assert.NotNull(Refused(name, given));
    }

    [Fact]
    public void Text_NoneAndEmpty_MeanNoIdentAndNoPath()
    {
        Assert.Null(Cast("ident", null));
        Assert.Null(Cast("ident", ""));
        Assert.Equal("café", Cast("ident", "café"));
        Assert.Null(Cast("unix_socket", null));
        Assert.Null(Cast("unix_socket", ""));
        Assert.NotNull(Refused("unix_socket", "/a\0b"));
        Assert.NotNull(Refused("server_name", null));
    }

    [Fact]
    public void Convert_AnyTextInAnySource_NeverThrows()
        => Prop.ForAll<string>(given =>
        {
            foreach (var row in SettingsTable.Rows)
            {
                var values = Given.Values((row.Name, given));
                values[given ?? ""] = given;
                var environment = Given.Texts((row.EnvironmentName, given ?? ""));
                environment["WAITRESS_" + given] = given ?? "";
                var outcome = SettingsReader.Read(new()
                {
                    CommandLine = values,
                    Keywords = Given.Values((row.Name, new object?[] { given, null, 1.5, new object?[] { given } })),
                    File = values,
                    Environment = environment,
                });
                if (outcome.Settings is null == (outcome.Errors.Count == 0)) return false;
                if (outcome.Errors.Concat(outcome.Warnings).Any(line => line.Any(char.IsControl))) return false;
            }
            return true;
        }).QuickCheckThrowOnFailure();
}
