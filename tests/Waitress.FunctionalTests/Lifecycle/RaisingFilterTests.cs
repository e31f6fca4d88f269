using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>Any client can cause an entry in the log, so what logging raises must not end the server.</summary>
public sealed class RaisingFilterTests
{
    [Fact]
    public async Task Filter_ThatRaises_IsToldAndTheServerLives()
    {
        await using var server = await PythonServer.StartAsync("raising_filter:app");
        for (var turn = 0; turn < 2; turn++)
        {
            var from = server.Log.Lines.Count;
            using var client = await server.ConnectAsync();
            await client.SendAsync("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n");
            await Expected.RefusedAsync(client, 400);
            await server.Log.WaitForLog("ValueError: raised in the filter", from);
            await server.AssertServesAsync();
        }

        Assert.Equal(0, await server.StopAsync());
    }
}
