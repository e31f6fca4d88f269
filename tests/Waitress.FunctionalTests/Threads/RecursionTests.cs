using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

/// <summary>Stacks of 16 MiB: too deep an app is an error of the app. (Python 3.10 uses C stack for each Python call, later ones don't.)</summary>
public sealed class RecursionTests
{
    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task Recursion_TooDeep_Is500AndTheServerLives(string python)
    {
        await using var server = await PythonServer.StartAsync("recursion:app", ["--threads=1"], python);
        foreach (var way in new[]
        {
            "/plain", "/plain/deep", "/builtin", "/builtin/deep", "/repr/deep", "/nested/repr", "/nested/json", "/nested/pickle",
            "/nested/parse", "/nested/compile",
        })
        {
            using var client = await server.ConnectAsync();
            var from = server.Log.Lines.Count;
            await client.SendAsync($"GET {way} HTTP/1.1\r\nHost: test\r\n\r\n");
            await Expected.RefusedAsync(client, 500);
            await server.Log.WaitForLog(
                line => line.StartsWith("RecursionError", StringComparison.Ordinal) || line.StartsWith("SyntaxError", StringComparison.Ordinal),
                $"the error of {way}", from);
        }

        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }
}
