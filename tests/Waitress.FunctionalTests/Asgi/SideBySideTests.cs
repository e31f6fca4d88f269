using Waitress.FunctionalTests.Framework;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>A WSGI app, and an ASGI app for the WebSockets of the same addresses.</summary>
public sealed class SideBySideTests
{
    [Theory]
    [InlineData]
    [InlineData("--worker-class=process", "--workers=2")]
    public async Task Requests_AndSockets_GoToTheirApps(params string[] options)
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--asgi-websockets=asgi_sockets:app", .. options]);
        using (var client = await server.ConnectAsync())
        {
            var body = Pattern.Bytes(100_000);
            await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
            await client.SendAsync(body);
            Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
            Assert.Equal("onetwothree", (await client.GetAsync("/generator")).Text);
        }

        Assert.Equal("hello", await SocketEcho.AskAsync(server, "hello"));
        using (var socket = await RawWebSocket.OpenAsync(server.EndPoint, "/echo?name=last"))
        {
            server.Process.Signal(PythonProcess.Sigterm);
            await socket.AssertClosedAsync(1012);
            await socket.SendAsync(RawWebSocket.Close, [0x03, 0xF4]);
            Assert.Equal(0, await server.Process.ExitAsync());
        }
    }

    [Theory]
    [InlineData("suite:app", "suite:app", "is not an ASGI app")]
    [InlineData("asgi_sockets:app", "asgi_sockets:app", "asgi_websockets is for a WSGI app")]
    [InlineData("asgi_sockets:nothing", "suite:app", "nothing")]
    public async Task App_ThatDoesNotFit_IsRefused(string sockets, string app, string message)
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", "--asgi-websockets=" + sockets, app]);
        Assert.Equal(1, ended.Code);
        Assert.Contains(message, ended.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
    }
}
