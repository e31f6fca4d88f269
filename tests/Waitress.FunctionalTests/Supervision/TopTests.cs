using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>waitress-ctl top against running servers. What the screen does is tests/python/test_top.py's to see.</summary>
public sealed class TopTests
{
    private static string Terminal { get; } = Path.Combine(Pythons.Repository, "tests", "python", "terminal.py");

    [Fact]
    public async Task Top_OfAServiceThatHasNoAdminAddress_ShowsRoutesRequestsAndStacks()
    {
        using var folder = new TemporaryFolder();
        using var gate = new Gate();
        var socket = folder.File("control.sock");
        await using var server = await PythonServer.StartAsync("suite:app", ["--worker-class=process", "--workers=2", "--threads=2", "--control-socket=" + socket]);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /wait?{gate.Query("held")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered held");
        await ShownAsync(["--socket", socket], "GET /wait", "suite:app: serving", "workers 2 of 2");

        // Routes are counted since somebody asked for them.
        await server.AssertServesAsync();
        await ShownAsync(["--socket", socket], "GET /hello");

        var steps = JsonSerializer.Serialize(new[] { ["until", "GET /wait"], ["send", "j"], ["send", "\r"], new[] { "until", "pass_gate" } });
        var live = await PythonProcess.RunAsync([Terminal, steps, Pythons.First, "-m", "waitress.ctl", "top", "--socket", socket, "--interval", "0.5"]);
        Assert.True(live.Code == 0, $"code {live.Code}\n{live.OutputText}\n{live.ErrorText}");
        Assert.Contains("GET /wait", live.OutputText, StringComparison.Ordinal);
        Assert.Contains("waits.py", live.OutputText, StringComparison.Ordinal);
        gate.Open();
        Assert.Equal("waited held", (await client.ReceiveAsync()).Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Top_OfAServerWithoutASupervisor_AsksItsAdminAddress(bool unix)
    {
        using var folder = new TemporaryFolder();
        await using var server = await PythonServer.StartAsync("suite:app", ["--admin-listen=" + (unix ? "unix:" + folder.File("admin.sock") : "0")]);
        using var admin = await Admin.AdminClient.OfAsync(server.Log);
        await server.AssertServesAsync();
        var address = unix ? "unix:" + folder.File("admin.sock") : $"{admin.Port}";
        await ShownAsync(["--admin", address], "GET /hello", $"process {server.Process.Id}", "workers 1 of 1");
        var json = await PythonProcess.RunAsync(["-m", "waitress.ctl", "top", "--once", "--json", "--admin", address]);
        Assert.Equal("suite:app", JsonDocument.Parse(json.OutputText).RootElement.GetProperty("service").GetProperty("app").GetString());
    }

    private static Task ShownAsync(string[] where, params string[] parts) => Deadline.Until(
        async () =>
        {
            var ended = await PythonProcess.RunAsync(["-m", "waitress.ctl", "top", "--once", .. where]);
            Assert.True(ended.Code == 0, ended.ErrorText);
            return parts.All(part => ended.OutputText.Contains(part, StringComparison.Ordinal));
        },
        $"top shows {string.Join(", ", parts)}");
}
