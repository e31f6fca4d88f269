using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>tests/apps/browser_streams.py in Chromium over TLS and HTTP/2: what its page does at the same time on one connection, and what came of it.</summary>
public sealed class BrowserStreamTests
{
    [Fact]
    public async Task Page_StreamingInAllWays_IsServedOverHttp2()
    {
        using var files = new Certificates();
        files.Write("a", ["localhost"]).Dispose();
        await using var server = await PythonServer.StartAsync("browser_streams:app", [$"--certfile={files.At("a.pem")}", $"--keyfile={files.At("a.key")}"]);
        await using var browser = await Browser.StartAsync("--ignore-certificate-errors"); // The test's own authority is in no browser.
        var page = await browser.OpenAsync();
        await page.GoAsync($"https://localhost:{server.PortText}/");
        await page.UntilAsync("window.result");
        var seen = await page.ValueAsync("window.result");
        string Told(string name) => JsonSerializer.Serialize(seen.GetProperty(name));
        Assert.Equal("""[["1","number 1"],["2","number 2"],["3","number 3"],["4","number 4"],["5","number 5"]]""", Told("events"));
        Assert.Equal("""["step 0","step 1","step 2"]""", Told("streamed"));
        Assert.Equal("""{"length":1000000,"total":24500000,"http":"2"}""", Told("uploaded"));
        Assert.Equal("\"done\"", Told("aborted"));
        Assert.Equal("""{"note":"caf\u00E9","name":"blob.bin","length":300000}""", Told("form"));
        Assert.Equal("4950", Told("many"));
        Assert.Equal("""["h2"]""", Told("protocols"));
        await server.Log.WaitForMark("aborted");
        Assert.Empty(page.Faults);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("Exception while serving", StringComparison.Ordinal));
    }
}
