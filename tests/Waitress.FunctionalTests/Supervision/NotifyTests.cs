using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>systemd's protocol, with a supervisor and without.</summary>
public sealed class NotifyTests
{
    private const int Sighup = 1;

    public static TheoryData<string> Kinds => ["--worker-class=thread", "--worker-class=process"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Service_FromStartToStop_TellsEachStateOnce(string kind)
    {
        using var folder = new TemporaryFolder();
        using var manager = new ServiceManager(folder.File("notify"));
        await using var server = await PythonServer.StartAsync("suite:app", [kind, "--workers=2"], environment: manager.Environment());
        await manager.WaitForAsync("READY=1");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
        await manager.WaitForAsync("STOPPING=1");
        Assert.Single(manager.Told, message => message.StartsWith("READY=1\nSTATUS=", StringComparison.Ordinal));
        Assert.Single(manager.Told, message => message.StartsWith("STOPPING=1\nSTATUS=", StringComparison.Ordinal));
        Assert.DoesNotContain(manager.Told, message => message.Contains("WATCHDOG", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Watchdog_OfHalfASecond_IsFedWhileTheServerIsIdle(string kind)
    {
        using var folder = new TemporaryFolder();
        using var manager = new ServiceManager(folder.File("notify"));
        await using var server = await PythonServer.StartAsync("suite:app", [kind, "--workers=1"], environment: manager.Environment(0.5));
        await Deadline.Until(() => manager.Told.Count(message => message == "WATCHDOG=1") >= 4, "four beats");
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Variables_OfTheServiceManager_DoNotReachTheApp(string kind)
    {
        using var folder = new TemporaryFolder();
        using var manager = new ServiceManager(folder.File("notify"));
        folder.Write("seen.py", """
            import os

            def app(environ, start_response):
                body = " ".join(name for name in os.environ if name.startswith(("NOTIFY", "WATCHDOG", "WAITRESS"))).encode() or b"none"
                start_response("200 OK", [("Content-Length", str(len(body)))])
                return [body]
            """);
        await using var server = await PythonServer.StartAsync("seen:app", [kind], environment: manager.Environment(30), folder: folder.Path);
        using var client = await server.ConnectAsync();
        Assert.Equal("none", (await client.GetAsync("/")).Text);
    }

    [Fact]
    public async Task Reload_OfASupervisor_IsToldFromBeginningToEnd()
    {
        var name = $"@waitress-test-{Guid.NewGuid():N}";
        using var manager = new ServiceManager(name);
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--worker-class=process", "--workers=1"], environment: manager.Environment());
        await manager.WaitForAsync("READY=1");
        var from = manager.Told.Count;
        server.Process.Signal(Sighup);
        var reloading = await manager.WaitForAsync("RELOADING=1", from);
        Assert.Matches(@"\nMONOTONIC_USEC=\d+", reloading);
        await manager.WaitForAsync("READY=1", from);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Status_UnderLoad_FollowsTheFigures()
    {
        using var folder = new TemporaryFolder();
        using var manager = new ServiceManager(folder.File("notify"));
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--worker-class=process", "--workers=1"], environment: manager.Environment());
        await manager.WaitForAsync("READY=1");
        using var client = await server.ConnectAsync();
        for (var turn = 0; turn < 7; turn++)
        {
            Assert.Equal(200, (await client.GetAsync("/hello")).Status);
        }

        await Deadline.Until(
            () => manager.Told.Any(message => message.Contains("1 worker ready", StringComparison.Ordinal) && message.Contains(" 7 served", StringComparison.Ordinal)),
            "the status counts the requests");
    }
}
