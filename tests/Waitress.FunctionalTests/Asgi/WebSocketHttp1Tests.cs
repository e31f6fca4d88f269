using System.Net;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>Over HTTP/1.1, also with Debian's websockets package, and answers to handshakes byte for byte.</summary>
public sealed class WebSocketHttp1Tests(SocketServer server) : WebSocketTests(server, HttpVersion.Version11), IClassFixture<SocketServer>
{
    [Fact]
    public async Task WebsocketsPackage_InAllItsWays_IsServed()
    {
        var ended = await PythonProcess.RunAsync(["websockets_client.py", server.Server.PortText], "/usr/bin/python3");
        Assert.Equal("closed 4321 because\ndone", ended.OutputText.Trim() + (ended.Code == 0 ? "" : ended.ErrorText));
    }

    [Theory]
    [InlineData("/deny?name=x", 403)]
    [InlineData("/fails?name=x", 500)]
    [InlineData("/fails?return&name=x", 500)]
    [InlineData("/fails?deny&name=x", 500)]
    public async Task Handshake_ThatIsNotAccepted_IsRefused(string target, int status)
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync(RawWebSocket.Handshake(target));
        await Expected.RefusedAsync(client, status);
        await server.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData(12, 1)]
    [InlineData(12, 3)]
    [InlineData(300_000, 1)]
    [InlineData(100_000, 10)]
    public async Task Handshake_DeniedByTheApp_GetsItsAnswer(int size, int parts)
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync(RawWebSocket.Handshake($"/deny-http?size={size}&parts={parts}&name={name}"));
        var answer = await client.ReceiveAsync();
        Assert.Equal((401, "Basic", size * parts), (answer.Status, answer.Header("WWW-Authenticate"), answer.Body.Length));
        await client.AssertClosedAsync();
        await server.Log.WaitForMark($"denied {name} websocket.disconnect");
    }

    [Fact]
    public async Task Client_LeavingBeforeTheAppDecides_IsToldToTheApp()
    {
        var name = Pattern.Name();
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync(RawWebSocket.Handshake("/never?name=" + name));
            await server.Log.WaitForMark("entered " + name);
            client.Abort();
        }

        await server.Log.WaitForMark($"websocket.disconnect {name} 1006");
        await server.Log.WaitForMark("oserror " + name);
    }
}
