using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Admin;

/// <summary>The admin address of a server without a supervisor.</summary>
public sealed class AdminTests
{
    private const string Requests = "waitress_requests_total{method=\"GET\",status=\"2xx\"}";

    [Fact]
    public async Task Metrics_OfBothFormatsAndPorts_SatisfyPromtoolAndPythonsOwnParser()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0", "--metrics-path=/metrics"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        using var client = server.Http();
        for (var i = 0; i < 3; i++)
            await client.GetStringAsync("/hello");
        await Deadline.Until(async () => (await admin.ScrapeAsync())[Requests] == 3, "three requests are counted");
        await PromtoolAsync((await admin.GetAsync("/metrics")).Text);
        await PromtoolAsync(await client.GetStringAsync("/metrics"));
        Assert.Equal(1, (await admin.ScrapeAsync())["waitress_ready"]);

        // The scrape of the main port counts, those of the admin's do not; it counts once its answer is on its way.
        await Deadline.Until(async () => (await admin.ScrapeAsync())["waitress_request_duration_seconds_count"] == 4, "the scrape of the main port is counted");
        var samples = await admin.ScrapeAsync();
        Assert.Equal(4, samples["waitress_request_duration_seconds_count"]);
        Assert.Equal(3, samples["waitress_request_app_seconds_count"]);
        Assert.Equal(1, samples["waitress_connections_accepted_total"]);
        Assert.True(samples["waitress_worker_resident_memory_bytes{slot=\"0\"}"] > 1_000_000);
        await Deadline.Until(
            async () => (await admin.ScrapeAsync())["waitress_worker_python_collections_total{slot=\"0\",generation=\"0\"}"] > 0, "Python has told of its collector");

        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.TryAddWithoutValidation("Accept", "application/openmetrics-text; version=1.0.0, text/plain; q=0.5");
        using var open = await admin.Http.SendAsync(request);
        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", open.Content.Headers.ContentType?.ToString());
        await OpenMetricsParserAsync(await open.Content.ReadAsStringAsync());
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Health_WhileEveryThreadIsBusyAndWhileDraining_IsAnswered()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0", "--threads=1", "--connection-limit=1"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        await admin.ReadyAsync();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        Assert.Equal((200, "ok\n"), await admin.GetAsync("/healthz"));
        Assert.Equal((200, "ready\n"), await admin.GetAsync("/readyz"));
        Assert.Equal(1, (await admin.ScrapeAsync())["waitress_threads_busy"]);

        var request = await InFlightAsync(admin, "app");
        Assert.Equal(("GET", "/wait", "127.0.0.1", "waitress-0"), (Text(request, "method"), Text(request, "path"), Text(request, "client"), Text(request, "thread")));
        var id = request.GetProperty("id").GetInt64();
        Assert.Contains("waits.py", (await admin.GetAsync($"/stack?worker=0&id={id}")).Text, StringComparison.Ordinal);
        Assert.Equal(404, (await admin.GetAsync($"/stack?worker=0&id={id + 1}")).Status);

        server.Process.Signal(PythonProcess.Sigterm);
        await Deadline.Until(async () => await admin.GetAsync("/readyz") == (503, "stopping\n"), "not ready once it stops");
        Assert.Equal((200, "ok\n"), await admin.GetAsync("/healthz"));
        Assert.Equal(1, (await admin.ScrapeAsync())["waitress_requests_in_flight"]);
        gate.Open();
        Assert.Equal("waited held", (await client.ReceiveAsync()).Text);
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Fact]
    public async Task UnixSocket_AsAdminAddress_IsServedWithItsRightsAndRemoved()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("admin.sock");
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=unix:" + path, "--unix-socket-perms=660"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        Assert.Equal((200, "ok\n"), await admin.GetAsync("/healthz"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, File.GetUnixFileMode(path));
        Assert.Equal(0, await server.StopAsync());
        await Deadline.Until(() => !File.Exists(path), "the socket's file is gone");
    }

    [Theory]
    [InlineData()]
    [InlineData("--supervise")]
    public async Task Address_InUse_IsAClearErrorWithTheCodeOfAListenError(params string[] options)
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        taken.Listen();
        var port = ((System.Net.IPEndPoint)taken.LocalEndPoint!).Port;
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", $"--admin-listen={port}", .. options, "hello:app"]);
        Assert.Equal(1, ended.Code);
        Assert.Contains($"Error: Cannot listen on 127.0.0.1:{port}: ", ended.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_WithRoutes_ToldByServeTooAndWithoutAnAppsName()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=0"]);
        using var admin = await AdminClient.OfAsync(server.Log);
        using var client = server.Http();
        foreach (var path in (string[])["/hello", "/none/1", "/none/2"])
            (await client.GetAsync(new Uri(path, UriKind.Relative))).Dispose();
        await Deadline.Until(async () => (await admin.ScrapeAsync())["waitress_request_duration_seconds_count"] == 3, "all are counted");
        var status = JsonDocument.Parse((await admin.GetAsync("/status.json")).Text).RootElement;
        var service = status.GetProperty("service");
        Assert.Equal(("suite:app", "serving", false, server.Process.Id),
            (Text(service, "app"), Text(service, "state"), service.GetProperty("supervised").GetBoolean(), service.GetProperty("pid").GetInt32()));
        Assert.Equal($"http://127.0.0.1:{server.Port}", service.GetProperty("listen")[0].GetString());
        var routes = status.GetProperty("routes").GetProperty("slowest").EnumerateArray().ToDictionary(route => Text(route, "path")!, route => route.GetProperty("requests").GetInt32());
        Assert.Equal(2, routes["/none/{n}"]);
        Assert.Equal(1, routes["/hello"]);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    internal static async Task<JsonElement> InFlightAsync(AdminClient admin, string state)
    {
        JsonElement found = default;
        await Deadline.Until(async () =>
        {
            var status = JsonDocument.Parse((await admin.GetAsync("/status.json")).Text).RootElement;
            found = status.GetProperty("in_flight").GetProperty("requests").EnumerateArray().FirstOrDefault(request => Text(request, "state") == state);
            return found.ValueKind == JsonValueKind.Object;
        }, $"a request in state {state}");
        return found;
    }

    private static async Task PromtoolAsync(string text)
    {
        var start = new ProcessStartInfo("promtool", ["check", "metrics"]) { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true };
        using var promtool = Process.Start(start)!;
        await promtool.StandardInput.WriteAsync(text);
        promtool.StandardInput.Close();
        var said = await promtool.StandardError.ReadToEndAsync() + await promtool.StandardOutput.ReadToEndAsync();
        await promtool.WaitForExitAsync().Within("promtool");
        Assert.True(promtool.ExitCode == 0 && said.Length == 0, said);
    }

    // The reference parser of OpenMetrics is Prometheus's Python client.
    private static async Task OpenMetricsParserAsync(string text)
    {
        const string code = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families
            families = {family.name: family for family in text_string_to_metric_families(sys.stdin.read())}
            assert families["waitress_requests"].type == "counter" and families["waitress_build"].type == "info", families
            assert families["waitress_request_duration_seconds"].unit == "seconds"
            """;
        var start = new ProcessStartInfo("/usr/bin/python3", ["-c", code]) { RedirectStandardInput = true, RedirectStandardError = true };
        using var python = Process.Start(start)!;
        await python.StandardInput.WriteAsync(text);
        python.StandardInput.Close();
        var said = await python.StandardError.ReadToEndAsync();
        await python.WaitForExitAsync().Within("the parser");
        Assert.True(python.ExitCode == 0, said);
    }
}
