using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>The access log of asynchronous apps: a line per request when its answer is whole, one per WebSocket when it has ended.</summary>
public sealed class AsgiAccessLogTests
{
    [Fact]
    public async Task Requests_AndSockets_AreLoggedWithTheirBytes()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("access.log");
        await using var server = await PythonServer.StartAsync(
            "asgi_suite:app", ["--access-logfile=" + file, "--access-logformat=%(m)s %(U)s %(s)s %(B)s %(request_bytes)s"]);
        using (var client = await server.ConnectAsync())
        {
            await client.GetAsync("/hello");
            await client.GetAsync("/stream?count=2");
            await client.RequestAsync("POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
            await client.RequestAsync("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nabcde");
            await client.GetAsync("/raises");
        }

        Assert.Equal(0, await server.StopAsync());
        var lines = await File.ReadAllLinesAsync(file);
        Assert.Equal(["GET /hello 200 14 0", "GET /stream 200 14 0", "POST /unread 200 6 0", "POST /echo 200 5 5"], lines[..4]);
        Assert.StartsWith("GET /raises 500 ", lines[4], StringComparison.Ordinal);

        await using var sockets = await PythonServer.StartAsync(
            "asgi_sockets:app", ["--access-logfile=" + folder.File("sockets.log"), "--access-logformat=%(m)s %(U)s %(s)s %(B)s"]);
        using (var socket = await RawWebSocket.OpenAsync(sockets.EndPoint, "/echo"))
        {
            await socket.SendAsync(RawWebSocket.Text, "hello"u8.ToArray());
            await socket.ReceiveAsync();
            await socket.SendAsync(RawWebSocket.Close, [0x03, 0xE8]);
            await socket.AssertClosedAsync(1000);
        }

        Assert.Equal(0, await sockets.StopAsync());
        Assert.Equal(["GET /echo 101 5"], await File.ReadAllLinesAsync(folder.File("sockets.log")));
    }
}
