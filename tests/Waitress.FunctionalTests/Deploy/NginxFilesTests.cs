using System.Globalization;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Asgi;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Proxy;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>The files of deploy/nginx as they stand, with ports and paths of the test, run by Debian's nginx.</summary>
public sealed class NginxFilesTests
{
    [Fact]
    public async Task Site_InFrontOfTheServer_TellsTheClientAndTheUpstream()
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--trusted-proxy=127.0.0.1", "--trusted-proxy-headers=x-forwarded-for x-forwarded-proto x-forwarded-host"]);
        await using var nginx = await Nginx.StartAsync((path, listen) => Http(path, listen, DeployFile.Read("nginx/upstream.conf", ("127.0.0.1:8080", "127.0.0.1:" + server.PortText))));
        using var client = await RawClient.ConnectAsync(nginx.EndPoint);

        // What the client says of itself does not get through.
        var answer = await client.GetAsync("/environ", "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nForwarded: for=203.0.113.7\r\nX_Forwarded_For: 1.2.3.4\r\n");
        var seen = answer.Json();
        Assert.Equal(("127.0.0.1", "http", "test"),
            (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "HTTP_HOST")));
        Assert.DoesNotContain("203.0.113.7", answer.Text, StringComparison.Ordinal);

        var body = Pattern.Bytes(3_000_000);
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
        await client.SendAsync(body);
        Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        Assert.Equal(200, (await client.GetAsync("/events/")).Status);
        Assert.Equal(200, (await client.GetAsync("/upload/")).Status);

        await Deadline.Until(() => nginx.Read("upstream.log").Contains("/upload/", StringComparison.Ordinal), "nginx has logged it all");
        var lines = nginx.Read("upstream.log").Split('\n').Where(line => line.Contains("POST /digest", StringComparison.Ordinal));
        Assert.Matches(@" 200 \d+ request_time=[\d.]+ upstream=127\.0\.0\.1:\d+ upstream_status=200 connect=[\d.]+ header=[\d.]+ response=[\d.]+$", Assert.Single(lines));
        Assert.DoesNotContain("[error]", nginx.Read("error.log"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Site_InFrontOfAnAsgiApp_PassesWebSocketsAndNoOtherUpgrade()
    {
        await using var server = await PythonServer.StartAsync("asgi_sockets:app", ["--http=1,2"]);
        await using var nginx = await Nginx.StartAsync((path, listen) => Http(path, listen, DeployFile.Read("nginx/upstream.conf", ("127.0.0.1:8080", "127.0.0.1:" + server.PortText))));
        using (var socket = await RawWebSocket.OpenAsync(nginx.EndPoint, "/echo"))
        {
            await socket.SendAsync(RawWebSocket.Text, "hello"u8.ToArray());
            await socket.ReceiveAsync();
            await socket.SendAsync(RawWebSocket.Close, [0x03, 0xE8]);
            await socket.AssertClosedAsync(1000);
        }

        using var client = await RawClient.ConnectAsync(nginx.EndPoint);
        Assert.Equal(200, (await client.GetAsync("/hello", "Connection: Upgrade\r\nUpgrade: h2c\r\n")).Status);
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>What docs/502-504.md says of nginx's log: header=- is nginx's own answer, a time the server's.</summary>
    [Fact]
    public async Task Log_OfAnAnswerThatNginxMade_HasNoHeaderTimeAndOneOfTheServerHas()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--request-timeout=1"]);
        await using var nginx = await Nginx.StartAsync((path, listen) => Http(path, listen, DeployFile.Read("nginx/upstream.conf", ("127.0.0.1:8080", "127.0.0.1:" + server.PortText))));
        using (var client = await RawClient.ConnectAsync(nginx.EndPoint))
        {
            Assert.Equal(504, (await client.GetAsync($"/wait?{gate.Query("late")}")).Status);
        }

        gate.Open();
        Assert.Equal(0, await server.StopAsync());
        using (var client = await RawClient.ConnectAsync(nginx.EndPoint))
        {
            Assert.Equal(502, (await client.GetAsync("/hello")).Status);
        }

        await Deadline.Until(() => Regex.IsMatch(nginx.Read("upstream.log"), "\" 502 "), "nginx has logged it");
        Assert.Matches(@"/wait\?.*"" 504 .* upstream_status=504 .* header=[\d.]+ ", nginx.Read("upstream.log"));
        Assert.Matches(@"/hello .*"" 502 .* upstream_status=502 .* header=- ", nginx.Read("upstream.log"));
        Assert.Matches("(Connection refused|prematurely closed connection)", nginx.Read("error.log"));
    }

    [Fact]
    public async Task Compose_Upstream_IsWhatNginxTakes()
    {
        using var folder = new TemporaryFolder();
        var upstream = DeployFile.Read("compose/upstream.conf", ("server app:8080;", "server 127.0.0.1:8080;"));
        var conf = folder.Write("nginx.conf", $"pid {folder.Path}/pid; error_log {folder.File("error.log")};\nevents {{ }}\nhttp {{\n{Http(folder.Path, "127.0.0.1:1", upstream)}\n}}\n");
        var (code, output) = await DeployFile.RunAsync("nginx", "-t", "-p", folder.Path, "-c", conf, "-e", folder.File("error.log"));
        Assert.True(code == 0, output);
    }

    private static string Http(string path, string listen, string upstream)
    {
        File.WriteAllText(Path.Combine(path, "proxy.conf"), DeployFile.Read("nginx/proxy.conf"));
        return upstream + DeployFile.Read(
            "nginx/site.conf",
            ("listen 80;", $"listen {listen};"),
            ("/etc/nginx/waitress-proxy.conf", path + "/proxy.conf"),
            ("/var/log/nginx/waitress.log", path + "/upstream.log"),
            ("    location / {", string.Create(CultureInfo.InvariantCulture, $"    location = /nginx {{ return 200 \"{path}\"; }}\n    location / {{")));
    }
}
