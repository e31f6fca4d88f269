using Waitress.Configuration;

namespace Waitress.Tests.Configuration;

public class SettingsTableTests
{
    /// <summary>Waitress 3.0.2's settings, as its users may write them; none may go missing.</summary>
    internal static readonly string[] WaitressNames =
    [
        "host", "port", "ipv4", "ipv6", "listen", "backlog", "threads", "trusted_proxy", "trusted_proxy_count", "trusted_proxy_headers",
        "log_untrusted_proxy_headers", "clear_untrusted_proxy_headers", "url_scheme", "url_prefix", "ident", "recv_bytes", "send_bytes",
        "outbuf_overflow", "outbuf_high_watermark", "inbuf_overflow", "connection_limit", "cleanup_interval", "channel_timeout",
        "log_socket_errors", "max_request_header_size", "max_request_body_size", "expose_tracebacks", "unix_socket",
        "unix_socket_perms", "sockets", "channel_request_lookahead", "server_name", "asyncore_loop_timeout", "asyncore_use_poll",
    ];

    private static readonly string[] OwnNames =
    [
        "workers", "asynchronous", "graceful_timeout", "worker_class", "max_threads", "request_timeout", "queue_timeout", "backlog_limit",
        "supervise", "min_workers", "max_workers", "worker_timeout", "max_requests", "max_requests_jitter", "max_lifetime", "max_memory",
        "reload", "reload_extra", "control_socket", "pid", "user", "group", "umask", "chdir", "pythonpath", "daemon",
        "memory_report",
        "certfile", "keyfile", "keyfile_password", "keyfile_password_file", "ca_certs", "client_cert", "tls_min_version", "http", "http2_max_streams",
        "access_logfile", "access_logformat", "log_level", "log_format", "log_file", "log_syslog", "log_journal",
        "deny", "allow", "limit_per_address", "rate_limit", "header_timeout", "body_timeout", "min_body_rate", "min_response_rate",
        "interface", "loop", "lifespan", "asgi_websockets", "limit_concurrency", "loop_stall", "timeout_keep_alive",
        "ws_max_size", "ws_max_queue", "ws_ping_interval", "ws_ping_timeout", "ws_compress",
        "admin_listen", "metrics_path", "otlp_endpoint",
    ];

    /// <summary>Read by the Python package, which has no record of them.</summary>
    internal static readonly string[] OfThePackage = ["log_level", "log_format", "log_file", "log_syslog", "log_journal", "loop", "lifespan"];

    [Fact]
    public void Rows_ComparedWithWaitress_HoldEveryOptionAndOurOwn()
        => Assert.Equal(WaitressNames.Concat(OwnNames).Order(), SettingsTable.Rows.Select(row => row.Name).Order());

    [Fact]
    public void Defaults_AppliedRowByRow_EqualTheRecordsOwn()
    {
        foreach (var row in SettingsTable.Rows)
            Assert.Equal(new Settings(), row.Apply(new Settings(), row.Default));
    }

    [Fact]
    public void Defaults_WrittenAsText_CastToThemselves()
    {
        foreach (var row in SettingsTable.Rows.Where(row => row.Default is not null && !row.ServeOnly))
        {
            var text = row.Default is ValueList<string> { Count: 0 } or "" ? "" : row.Shown(row.Default);
            Assert.Null(row.Kind.Convert(text, out var value));
            Assert.Equal(row.Default, value);
        }
    }

    [Fact]
    public void Properties_OfTheRecord_AreEachSetByARow()
    {
        var set = SettingsTable.Rows.Where(row => row.Name is not ("host" or "port") && row.Group is not (SettingGroup.NoEffect or SettingGroup.Supervision or SettingGroup.Program)
                && !OfThePackage.Contains(row.Name))
            .Select(row => row.Name.Replace("_", "", StringComparison.Ordinal)).Order();
        // ListenStated tells of the sources, Supervised of several rows together, Otel of variables that are not ours.
        var properties = typeof(Settings).GetProperties()
            .Where(property => property.CanWrite && property.Name is not (nameof(Settings.ListenStated) or nameof(Settings.Supervised) or nameof(Settings.Otel)))
            .Select(property => property.Name.ToLowerInvariant()).Order();
        Assert.Equal(properties, set);
    }

    [Fact]
    public void Help_EveryRow_HasItsOptionMeaningAndDefault()
    {
        var help = Flat(CommandLine.Help("waitress-serve", 80));
        foreach (var row in SettingsTable.Rows.Where(row => !row.ServeOnly))
        {
            Assert.Contains($"{row.ShortOption}, ".Trim(' ', ','), help, StringComparison.Ordinal);
            Assert.Contains(row.Kind.IsFlag ? $" --[no-]{row.Option[2..]} " : $" {row.Option}={row.Kind.Placeholder} ", help, StringComparison.Ordinal);
            Assert.Contains($"{row.Help} (default: {row.ShownDefault}", help, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("--sockets", help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(100)]
    public void Help_AnyWidth_KeepsDescriptionsWithinIt(int width)
    {
        var examples = CommandLine.Help("waitress-serve", width).Split("Examples:");
        Assert.All(examples[0].Split('\n').Where(line => line.Contains(' ', StringComparison.Ordinal) && !line.TrimStart().StartsWith('-')),
            line => Assert.True(line.Length <= Math.Max(width, 60) || !line.Trim().Contains(' ', StringComparison.Ordinal), line));
        Assert.Contains("--check-config", examples[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Docs_ComparedWithTheTable_AreFresh()
    {
        var file = SettingsDocs.File();
        if (Environment.GetEnvironmentVariable("WAITRESS_UPDATE_DOCS") == "1") File.WriteAllText(file, SettingsDocs.Write());
        Assert.True(File.ReadAllText(file) == SettingsDocs.Write(), "docs/settings.md is stale: run the tests once with WAITRESS_UPDATE_DOCS=1");
    }

    private static string Flat(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
