using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Admin;

/// <summary>The figures of a supervised service: sums over the workers that outlive them, told by the supervisor and by any worker.</summary>
public sealed class ServiceTests
{
    private const string Requests = "waitress_requests_total{method=\"GET\",status=\"2xx\"}";
    private static readonly string[] Two = ["--worker-class=process", "--workers=2", "--admin-listen=0", "--metrics-path=/metrics"];

    [Fact]
    public async Task Counters_WhenWorkersAreKilled_NeverGoBackAndStayComplete()
    {
        await using var server = await PythonServer.StartAsync("supervised:app", Two);
        using var admin = await AdminClient.OfAsync(server.Log);
        await WorkerProcesses.ServingAsync(server, 2);
        var (sent, last) = (0, 0.0);
        for (var round = 0; round < 3; round++)
        {
            // Connections of their own, so that both workers serve.
            for (var i = 0; i < 10; i++, sent++)
            {
                using var client = await server.ConnectAsync();
                Assert.Equal(200, (await client.GetAsync("/")).Status);
            }

            await Deadline.Until(async () => (await admin.ScrapeAsync())[Requests] == sent, $"{sent} requests are counted");
            var victim = WorkerProcesses.Of(server)[round % 2];
            PythonProcess.Send(victim, PythonProcess.Sigkill);
            await Deadline.Until(async () =>
            {
                var now = await admin.ScrapeAsync();
                Assert.True(now[Requests] >= last && now[Requests] == sent, $"{last} was followed by {now[Requests]} of {sent}");
                last = now[Requests];
                return now["waitress_worker_restarts_total{reason=\"signal\"}"] == round + 1 && now["waitress_workers{state=\"ready\"}"] == 2;
            }, $"worker {victim} is replaced");
        }

        using var main = server.Http();
        var workers = AdminClient.Samples(await main.GetStringAsync("/metrics"));
        Assert.Equal(sent, workers[Requests]);
        Assert.Equal(2, workers["waitress_workers{state=\"ready\"}"]);
        Assert.Equal(3, workers["waitress_worker_restarts_total{reason=\"signal\"}"]);
        Assert.Equal(3, workers.Keys.Count(name => name.StartsWith("waitress_worker_info{", StringComparison.Ordinal)));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Readiness_WhileTheAppIsImportedAndWhileDraining_SaysWhyNot()
    {
        using var gate = new Gate();
        var process = PythonProcess.Start(["-m", "waitress", "--listen=127.0.0.1:0", .. Two, "suite:app"]);
        using var admin = await AdminClient.OfAsync(process.Errors);
        var (status, reason) = await admin.GetAsync("/readyz");
        Assert.True((status, reason) is (503, "starting\n") or (200, "ready\n"), reason);
        await using var server = await PythonServer.ReadyAsync(process);
        await admin.ReadyAsync();

        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        var request = await AdminTests.InFlightAsync(admin, "app");
        var stack = $"/stack?worker={request.GetProperty("worker").GetInt32()}&id={request.GetProperty("id").GetInt64()}";
        Assert.Contains("waits.py", (await admin.GetAsync(stack)).Text, StringComparison.Ordinal);

        var service = JsonDocument.Parse((await admin.GetAsync("/status.json")).Text).RootElement.GetProperty("service");
        Assert.Equal(("suite:app", true, 2), (service.GetProperty("app").GetString(), service.GetProperty("supervised").GetBoolean(), service.GetProperty("wanted").GetInt32()));

        server.Process.Signal(PythonProcess.Sigterm);
        await Deadline.Until(async () => await admin.GetAsync("/readyz") == (503, "stopping\n"), "not ready once it stops");
        Assert.Equal((200, "ok\n"), await admin.GetAsync("/healthz"));
        gate.Open();
        Assert.Equal("waited held", (await client.ReceiveAsync()).Text);
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Fact]
    public async Task Upgrade_WithTheAdminAddress_PassesItToTheNewSupervisorAndBack()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("admin.sock");
        await using var server = await PythonServer.StartAsync("supervised:app", ["--supervise", "--admin-listen=unix:" + path]);
        using var admin = await AdminClient.OfAsync(server.Log);
        await admin.ReadyAsync();
        Assert.Equal(server.Process.Id, await PidAsync(admin));

        server.Process.Signal(PythonProcess.Sigusr2);
        var successor = 0;
        await Deadline.Until(async () => (successor = await PidAsync(admin)) != 0 && successor != server.Process.Id, "the new supervisor answers");
        await Deadline.Until(() => IsReadyAsync(admin), "the service is ready");
        PythonProcess.Send(successor, PythonProcess.Sigterm);
        await Deadline.Until(async () => await PidAsync(admin) == server.Process.Id, "the old one is back");
        await Deadline.Until(() => IsReadyAsync(admin), "the service is ready again");
        Assert.True(File.Exists(path));
        Assert.Equal(0, await server.StopAsync());
        await Deadline.Until(() => !File.Exists(path), "the socket's file is gone");
    }

    // While one leaves and the other comes, a connection may find nobody who answers.
    private static async Task<bool> IsReadyAsync(AdminClient admin)
    {
        try
        {
            return (await admin.GetAsync("/readyz")).Status == 200;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    // The same.
    private static async Task<int> PidAsync(AdminClient admin)
    {
        try
        {
            return JsonDocument.Parse((await admin.GetAsync("/status.json")).Text).RootElement.GetProperty("service").GetProperty("pid").GetInt32();
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }
}
