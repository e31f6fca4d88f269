using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

/// <summary>Shortcuts to state values in one source.</summary>
internal static class Given
{
    public static Dictionary<string, object?> Values(params (string Name, object? Value)[] pairs)
        => pairs.ToDictionary(pair => pair.Name, pair => pair.Value);

    public static Dictionary<string, string> Texts(params (string Name, string Value)[] pairs)
        => pairs.ToDictionary(pair => pair.Name, pair => pair.Value);

    public static SettingsOutcome Keyword(string name, object? value)
        => SettingsReader.Read(new SettingsSources { Keywords = Values((name, value)) });

    public static SettingsOutcome Keywords(params (string Name, object? Value)[] pairs) => SettingsReader.Read(new() { Keywords = Values(pairs) });

    public static Settings Good(SettingsOutcome outcome)
    {
        Assert.Empty(outcome.Errors);
        return Assert.IsType<Settings>(outcome.Settings);
    }

    public static string Bad(SettingsOutcome outcome)
    {
        Assert.Null(outcome.Settings);
        return Assert.Single(outcome.Errors);
    }

    /// <summary>The report's line of one setting, its columns parted by single blanks.</summary>
    public static string Line(SettingsOutcome outcome, string name) => Assert.Single(
        outcome.Report.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))),
        line => line.StartsWith(name + " ", StringComparison.Ordinal));
}

public class SettingsReaderTests
{
    /// <summary>A value other than the default for each row, as text, with the text that shows it.</summary>
    private static string Sample(SettingRow row) => row.Name switch
    {
        "host" => "127.0.0.1",
        "listen" => "127.0.0.1:9000",
        "unix_socket" => "/run/app.sock",
        "unix_socket_perms" => "660",
        "url_prefix" => "/app",
        "admin_listen" => "127.0.0.1:9090",
        "metrics_path" => "/metrics",
        "otlp_endpoint" => "http://collector:4318",
        "trusted_proxy" => "10.0.0.1",
        "trusted_proxy_headers" => "x-forwarded-for",
        "deny" or "allow" => "192.0.2.0/24",
        "rate_limit" => "7/s",
        _ when row.Kind.IsFlag => row.Default is true ? "false" : "true",
        "worker_class" => "process",
        "client_cert" => "optional",
        "tls_min_version" => "1.3",
        "http" => "2",
        "interface" => "asgi",
        "loop" => "asyncio",
        "lifespan" => "off",
        "log_level" => "error",
        "log_format" => "json",
        "log_syslog" => "udp://localhost:514",
        _ when row.Default is long or double or null => "7",
        _ => "sample",
    };

    public static TheoryData<string> TextRows => [.. SettingsTable.Rows.Where(row => !row.ServeOnly && row.Name != "daemon").Select(row => row.Name)]; // daemon is always refused

    [Fact]
    public void Read_NothingStated_GivesTheDefaults()
    {
        var outcome = SettingsReader.Read(new SettingsSources());
        Assert.Equal(new Settings(), Given.Good(outcome));
        Assert.Empty(outcome.Warnings);
        Assert.Equal(4, outcome.Settings!.Concurrency);
    }

    [Theory]
    [MemberData(nameof(TextRows))]
    public void Read_EveryRow_IsReachableFromEverySource(string name)
    {
        var row = SettingsTable.Row(name);
        var (need, value) = name.StartsWith("trusted_proxy_", StringComparison.Ordinal) ? ("trusted_proxy", "localhost")
            : name is "min_workers" or "max_workers" ? ("worker_class", "process") : (null, null);
        var values = Given.Values((name, Sample(row)));
        if (need is not null) values[need] = value;
        if (row.Group == SettingGroup.Tls && name is not ("http" or "http2_max_streams" or "keyfile_password")) values.TryAdd("certfile", "a.pem");
        if (name == "ca_certs") values["client_cert"] = "required";
        if (name == "client_cert") values["ca_certs"] = "ca.pem";
        var environment = values.ToDictionary(pair => SettingsTable.Row(pair.Key).EnvironmentName, pair => (string)pair.Value!);
        var arguments = values.Select(pair => $"{SettingsTable.Row(pair.Key).Option}={pair.Value}");
        var parsed = CommandLine.Parse([.. arguments, "app:app"]);
        Assert.Empty(parsed.Errors);
        var hyphens = values.ToDictionary(pair => pair.Key.Replace('_', '-'), pair => pair.Value);

        (SettingsSources Sources, string Label)[] ways =
        [
            (new() { CommandLine = parsed.Values }, "command line"),
            (new() { Keywords = values }, "keyword"),
            (new() { Environment = environment }, $"environment {row.EnvironmentName}"),
            (new() { File = values, FileName = "site.toml" }, "file site.toml"),
            (new() { File = hyphens, FileName = "site.toml" }, "file site.toml"),
        ];
        Settings? first = null;
        foreach (var (sources, label) in ways)
        {
            var outcome = SettingsReader.Read(sources);
            var settings = Given.Good(outcome);
            if (row.Group is not (SettingGroup.NoEffect or SettingGroup.Supervision or SettingGroup.Program) && !SettingsTableTests.OfThePackage.Contains(name)) Assert.NotEqual(new Settings(), settings);
            Assert.Equal(first ??= settings, settings);
            Assert.Null(row.Kind.Convert(Sample(row), out var cast));
            Assert.Equal(row.Kind.IsHidden ? null : cast, outcome.Values[name]);
            Assert.StartsWith($"{name} {(row.Kind.IsHidden ? "(hidden)" : Sample(row))} {label}", Given.Line(outcome, name), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_SocketsFromServe_AreTakenAndFromElsewhereRefused()
    {
        var sockets = new object?[] { 5L, 6L };
        Assert.Equal([5, 6], Given.Good(Given.Keyword("sockets", sockets)).Sockets);
        Assert.Contains("only serve()", Given.Bad(SettingsReader.Read(new() { File = Given.Values(("sockets", sockets)) })), StringComparison.Ordinal);
        Assert.NotEmpty(CommandLine.Parse(["--sockets=5", "app:app"]).Errors);
        Assert.Contains("names no setting", Assert.Single(SettingsReader.Read(new() { Environment = Given.Texts(("WAITRESS_SOCKETS", "5")) }).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OneOptionInEverySource_TheStrongestWins()
    {
        var all = new SettingsSources
        {
            CommandLine = Given.Values(("port", "1")),
            Environment = Given.Texts(("WAITRESS_PORT", "2"), ("PORT", "3")),
            File = Given.Values(("port", 4L)),
        };
        Assert.Equal(["0.0.0.0:1"], Given.Good(SettingsReader.Read(all)).Listen);
        all = all with { CommandLine = Given.Values() };
        Assert.Equal(["0.0.0.0:2"], Given.Good(SettingsReader.Read(all)).Listen);
        all = all with { Environment = Given.Texts(("PORT", "3")) };
        Assert.Equal(["0.0.0.0:3"], Given.Good(SettingsReader.Read(all)).Listen);
        all = all with { Environment = Given.Texts() };
        Assert.Equal(["0.0.0.0:4"], Given.Good(SettingsReader.Read(all)).Listen);
        all = all with { File = Given.Values() };
        Assert.Equal(["0.0.0.0:8080"], Given.Good(SettingsReader.Read(all)).Listen);
    }

    [Fact]
    public void Read_PlatformNames_SetPortAndWorkersAndMayBeEmpty()
    {
        var settings = Given.Good(SettingsReader.Read(new() { Environment = Given.Texts(("PORT", "5000"), ("WEB_CONCURRENCY", "3")) }));
        Assert.Equal(["0.0.0.0:5000"], settings.Listen);
        Assert.Equal(3, settings.Workers);
        Assert.Equal(new Settings(), Given.Good(SettingsReader.Read(new() { Environment = Given.Texts(("PORT", ""), ("WEB_CONCURRENCY", "")) })));
    }

    [Fact]
    public void Read_MistakesInEverySource_AreAllToldAtOnce()
    {
        var outcome = SettingsReader.Read(new SettingsSources
        {
            CommandLine = Given.Values(("threads", "0"), ("backlog", "many")),
            Environment = Given.Texts(("WAITRESS_IPV4", "maybe"), ("WAITRESS_THREAD", "4")),
            File = Given.Values(("unix_socket_perms", 600L), ("thread", 4L), ("trusted_proxy_count", 2L)),
            FileName = "site.toml",
        });
        Assert.Null(outcome.Settings);
        Assert.Equal(
            [
                "threads (command line): \"0\" is not allowed; allowed is a whole number from 1 to 10000",
                "backlog (command line): \"many\" is not allowed; allowed is a whole number from 1 to 2147483647",
                "ipv4 (environment WAITRESS_IPV4): \"maybe\" is not allowed; allowed is true (t, y, yes, on, 1) or false (f, n, no, off, 0)",
                "unix_socket_perms (file site.toml): 600 is not allowed; allowed is octal digits as text, from \"0\" to \"777\"",
                "unknown setting \"thread\" (file site.toml) (did you mean threads?)",
                "trusted_proxy_count (file site.toml): needs trusted_proxy, which says whose headers are counted",
            ],
            outcome.Errors);
        Assert.Equal(["\"WAITRESS_THREAD\" in the environment names no setting (did you mean WAITRESS_THREADS?)"], outcome.Warnings);
        Assert.Equal("threads (not allowed) see the errors", Given.Line(outcome, "threads"));
    }

    [Fact]
    public void Read_UnknownKeyword_IsAnErrorWithASuggestion()
    {
        Assert.Equal("unknown setting \"thread\" (keyword) (did you mean threads?)", Given.Bad(Given.Keyword("thread", 1L)));
        Assert.Equal("unknown setting \"quite_another\" (keyword)", Given.Bad(Given.Keyword("quite_another", 1L)));
    }

    [Fact]
    public void Read_KubernetesServiceLink_IsPassedOverWithAWarning()
    {
        var outcome = SettingsReader.Read(new() { Environment = Given.Texts(("WAITRESS_PORT", "tcp://10.0.0.1:8080")) });
        Assert.Equal(new Settings(), Given.Good(outcome));
        Assert.Contains("service link", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_EverySetting_HasALineInTheTablesOrderAligned()
    {
        var outcome = SettingsReader.Read(new() { CommandLine = Given.Values(("port", "9000")) });
        var lines = outcome.Report.TrimEnd('\n').Split('\n');
        Assert.Equal(SettingsTable.Rows.Select(row => row.Name), lines.Select(line => line.Split(' ')[0]));
        Assert.Equal("port 9000 command line", Given.Line(outcome, "port"));
        Assert.Equal("host 0.0.0.0 default", Given.Line(outcome, "host"));
        Assert.Equal("listen 0.0.0.0:9000 host and port", Given.Line(outcome, "listen"));
        Assert.Equal("workers 4 default", Given.Line(outcome, "workers"));
        Assert.Equal("threads 1 default", Given.Line(outcome, "threads"));
        Assert.Equal("workers 1 default", Given.Line(Given.Keyword("threads", 8L), "workers"));
        Assert.Equal("send_bytes 1 default (no effect here)", Given.Line(outcome, "send_bytes"));
        Assert.Equal(lines[0].IndexOf("0.0.0.0", StringComparison.Ordinal), lines[1].IndexOf("9000", StringComparison.Ordinal));
        Assert.Equal(lines[0].IndexOf("default", StringComparison.Ordinal), lines[1].IndexOf("command line", StringComparison.Ordinal));
    }
}
