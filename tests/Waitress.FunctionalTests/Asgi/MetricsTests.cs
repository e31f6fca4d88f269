using Waitress.FunctionalTests.Admin;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What an ASGI app's requests and WebSockets leave in the metrics.</summary>
public sealed class AsgiMetricsTests
{
    [Fact]
    public async Task Requests_SocketsAndStalls_AreCounted()
    {
        await using var server = await PythonServer.StartAsync("asgi_sockets:app", ["--metrics-path=/metrics", "--admin-listen=127.0.0.1:0"]);
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/hello")).Status);
        using (var socket = await RawWebSocket.OpenAsync(server.EndPoint, "/echo"))
        {
            for (var number = 0; number < 3; number++)
            {
                await socket.SendAsync(RawWebSocket.Text, "hello"u8.ToArray());
                await socket.ReceiveAsync();
            }

            await AssertAsync(client,
                """waitress_requests_total{method="GET",status="2xx"} 1""", "waitress_request_app_seconds_count 1", "waitress_request_queue_wait_seconds_count 1",
                "waitress_websockets_open 1", """waitress_websocket_messages_total{direction="received"} 3""", """waitress_websocket_messages_total{direction="sent"} 3""",
                "waitress_threads 1", "waitress_loop_stalls_total 0");
            await socket.SendAsync(RawWebSocket.Close, [0x03, 0xE8]);
            await socket.AssertClosedAsync(1000);
        }

        await Deadline.Until(async () => (await client.GetAsync("/metrics")).Text.Contains("waitress_websockets_open 0", StringComparison.Ordinal), "the socket is counted off");
        await AssertAsync(client, """waitress_requests_total{method="GET",status="1xx"} 1""", "waitress_request_app_seconds_count 1");
        using (var admin = await AdminClient.OfAsync(server.Log))
            Assert.Contains("\"interface\":\"asgi\"", (await admin.GetAsync("/status.json")).Text, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task AssertAsync(RawClient client, params string[] lines)
    {
        var text = (await client.GetAsync("/metrics")).Text.Split('\n');
        Assert.All(lines, line => Assert.Contains(line, text));
    }
}
