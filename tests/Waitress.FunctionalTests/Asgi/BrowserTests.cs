using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What Chromium makes of early hints and of WebSockets over the HTTP/2 connection of a page: tests/apps/browser.py.</summary>
public sealed class BrowserTests
{
    [Fact]
    public async Task Page_OverHttp2_IsHintedAtAndOpensItsSocketsOnTheSameConnection()
    {
        using var files = new Certificates();
        files.Write("a", ["localhost"]).Dispose();
        using var folder = new TemporaryFolder();
        await using var server = await PythonServer.StartAsync("browser:app",
            [$"--certfile={files.At("a.pem")}", $"--keyfile={files.At("a.key")}", "--access-logfile=" + folder.File("log"), "--access-logformat=%({REMOTE_PORT}e)s %(m)s %(U)s %(H)s %(s)s"]);
        await using var browser = await Browser.StartAsync("--ignore-certificate-errors"); // Whose certificate it is, other tests judge.
        var page = await browser.OpenAsync();
        await page.GoAsync($"https://localhost:{server.PortText}/");
        await page.UntilAsync("said.length === 6");
        Assert.Equal("hinted", (await page.ValueAsync("document.title")).GetString());
        Assert.Equal("rgb(1, 2, 3)", (await page.ValueAsync("getComputedStyle(document.body).color")).GetString());
        var said = JsonSerializer.Deserialize<string[]>((await page.ValueAsync("JSON.stringify(said.sort())")).GetString()!)!;
        Assert.Equal(
            ["caf\u00e9 0 over 2 wss", "caf\u00e9 1 over 2 wss", "caf\u00e9 2 over 2 wss",
                .. Enumerable.Repeat("chosen permessage-deflate 4000 true", 3)], said);
        Assert.Equal(0, await server.StopAsync());
        var lines = (await File.ReadAllLinesAsync(folder.File("log"))).Where(line => line.Contains("/socket", StringComparison.Ordinal) || line.EndsWith("GET / HTTP/2 200", StringComparison.Ordinal)).ToArray();
        Assert.Equal(4, lines.Length);
        Assert.Single(lines.Select(line => line.Split(' ')[0]).Distinct()); // The port: one connection.
        Assert.Equal(3, lines.Count(line => line.EndsWith("CONNECT /socket HTTP/2 200", StringComparison.Ordinal)));
    }
}
