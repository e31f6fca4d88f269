using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests.Clients;

/// <summary>--deny and --allow. All of 127.0.0.0/8 is this machine, so that one test can come from several addresses.</summary>
public sealed class AccessTests
{
    [Fact]
    public async Task Connection_OfADeniedAddress_IsClosedAtOnceAndOthersAreServed()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--deny=127.0.0.2 10.0.0.0/8", "--deny=127.0.1.0/24"]);
        await AssertShutOutAsync(server, "127.0.0.2");
        await AssertShutOutAsync(server, "127.0.1.77");
        await AssertServedAsync(server, "127.0.0.3");
        await server.Log.WaitForLog("Closed 1 connection(s) at once: deny or allow keeps their addresses out; the last was from 127.0.0.2:");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Connection_NotAllowed_IsClosedAndDenyWinsOverAllow()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--allow=127.0.0.0/28", "--deny=127.0.0.5"]);
        await AssertServedAsync(server, "127.0.0.1");
        await AssertServedAsync(server, "127.0.0.15");
        await AssertShutOutAsync(server, "127.0.0.5");
        await AssertShutOutAsync(server, "127.0.0.16");
    }

    [Fact]
    public async Task File_Changed_CountsWithoutARestartAlsoForOpenConnections()
    {
        using var folder = new TemporaryFolder();
        var list = folder.Write("deny list", "# nobody yet\n");
        await using var server = await PythonServer.StartAsync("suite:app", ["--deny=@" + list]);
        using var open = await RawClient.ConnectAsync(server.EndPoint, from: "127.0.0.2");
        Assert.Equal(200, (await open.GetAsync("/hello")).Status);

        File.Move(folder.Write("new", "127.0.0.2 # not any more\n"), list, overwrite: true);
        await server.Log.WaitForLog($"Read the addresses of {list} again: 1 range(s) are in force");
        Expected.Refusal(await open.GetAsync("/hello"), 403);
        await open.AssertClosedAsync();
        await AssertShutOutAsync(server, "127.0.0.2");
        await server.AssertServesAsync();

        folder.Write("deny list", "127.0.0.2\nthe rest is missi");
        await server.Log.WaitForLog("line 2: no address and no range such as 10.0.0.0/8; the addresses that were read before stay in force");
        await AssertShutOutAsync(server, "127.0.0.2");

        folder.Write("deny list", "");
        await server.Log.WaitForLog("again: 0 range(s)");
        await AssertServedAsync(server, "127.0.0.2");
    }

    [Fact]
    public async Task File_BrokenAtTheStart_IsAnOptionError()
    {
        using var folder = new TemporaryFolder();
        var list = folder.Write("list", "127.0.0.1\nlocalhost\n");
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", $"--deny=@{list}", $"--allow=@{list}.not", "suite:app"]);
        Assert.Equal(2, ended.Code);
        Assert.Contains(ended.Errors, line => line.Contains($"deny (command line): \"{list}\", line 2", StringComparison.Ordinal));
        Assert.Contains(ended.Errors, line => line.Contains("allow (command line): ", StringComparison.Ordinal) && line.Contains("no such file", StringComparison.Ordinal));
        Assert.DoesNotContain(ended.Errors, line => line.Contains("Serving on", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Client_DeniedBehindATrustedProxy_Is403AndTheProxysConnectionGoesOn()
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--trusted-proxy=127.0.0.1", "--trusted-proxy-headers=x-forwarded-for", "--deny=192.0.2.0/24", "--deny=2001:db8::/32"]);
        using var proxy = await server.ConnectAsync();
        foreach (var client in new[] { "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::5", "[2001:db8::5]:4711" })
        {
            var response = await proxy.GetAsync("/hello", $"X-Forwarded-For: {client}\r\n");
            Assert.Equal((403, false, "waitress"), (response.Status, response.CloseAnnounced, response.Header("Server")));
            Assert.StartsWith("Forbidden\r\n\r\n", response.Text, StringComparison.Ordinal);
        }

        var seen = (await proxy.GetAsync("/environ", "X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n")).Json();
        Assert.Equal("198.51.100.1", EnvironTests.Value(seen, "REMOTE_ADDR"));

        // A body would have to be received for nothing.
        await proxy.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 100000\r\n\r\n");
        await Expected.RefusedAsync(proxy, 403);

        // The header of anybody else is not believed: neither for nor against them.
        using var other = await RawClient.ConnectAsync(server.EndPoint, from: "127.0.0.2");
        Assert.Equal(200, (await other.GetAsync("/hello", "X-Forwarded-For: 192.0.2.7\r\n")).Status);
        await server.Log.WaitForLog("Refused 1 request(s) with 403: deny or allow keeps their clients out; the last was from 192.0.2.7");
    }

    [Fact]
    public async Task Client_OfAUnixSocket_IsJudgedByTheProxysWordAlone()
    {
        using var folder = new TemporaryFolder();
        await using var server = await PythonServer.StartOnAsync(
            folder.File("s"), "suite:app", "--trusted-proxy=localhost", "--trusted-proxy-headers=x-forwarded-for", "--allow=198.51.100.0/24",
            "--limit-per-address=1");
        using var one = await server.ConnectAsync();
        using var two = await server.ConnectAsync();
        Assert.Equal(200, (await one.GetAsync("/hello")).Status);
        Assert.Equal(200, (await two.GetAsync("/hello", "X-Forwarded-For: 198.51.100.9\r\n")).Status);
        Assert.Equal(403, (await two.GetAsync("/hello", "X-Forwarded-For: 192.0.2.1\r\n")).Status);
        Assert.Equal(403, (await two.GetAsync("/hello", "X-Forwarded-For: unknown\r\n")).Status);
    }

    /// <summary>Closed by a reset, which may come as early as the connect.</summary>
    internal static async Task AssertShutOutAsync(PythonServer server, string from)
    {
        try
        {
            using var client = await RawClient.ConnectAsync(server.EndPoint, from: from);
            await client.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.AssertClosedAsync();
        }
        catch (System.Net.Sockets.SocketException e) when (e.SocketErrorCode == System.Net.Sockets.SocketError.ConnectionReset)
        {
        }
    }

    internal static async Task AssertServedAsync(PythonServer server, string from)
    {
        using var client = await RawClient.ConnectAsync(server.EndPoint, from: from);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }
}
