using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Http;

/// <summary>A server with two certificates, the second for wildcards and behind an intermediate authority.</summary>
public sealed class TlsServer : IAsyncLifetime
{
    internal Certificates Files { get; } = new();

    internal PythonServer Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Files.Write("a", ["localhost", "a.test"], ec: false).Dispose();
        using var middle = Certificates.Make("CN=Middle", Files.Authority, null, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(90), isAuthority: true);
        Files.Write("b", ["b.test", "*.b.test", "xn--bcher-kva.test"], issuer: middle).Dispose();
        await File.AppendAllTextAsync(Files.At("b.pem"), "\n" + middle.ExportCertificatePem());
        Server = await PythonServer.StartAsync("suite:app",
            [$"--certfile={Files.At("a.pem")}", $"--keyfile={Files.At("a.key")}", $"--certfile={Files.At("b.pem")}", $"--keyfile={Files.At("b.key")}", "--threads=4"]);
    }

    public async Task DisposeAsync()
    {
        await using var server = Server;
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("   at ", StringComparison.Ordinal) || line.Contains("Fault in the server", StringComparison.Ordinal));
        Files.Dispose();
    }

    internal Task<Tool.Ran> CurlAsync(string path, params string[] more) =>
        Tool.CurlAsync(["--cacert", Files.AuthorityFile, .. more, $"https://localhost:{Server.PortText}{path}"]);
}

public sealed class TlsTests(TlsServer tls) : IClassFixture<TlsServer>
{
    private static JsonElement Json(Tool.Ran ran)
    {
        Assert.True(ran.Code == 0, ran.Errors);
        return JsonDocument.Parse(ran.Output).RootElement;
    }

    [Theory]
    [InlineData("--http1.1", "HTTP/1.1")]
    [InlineData("--http2", "HTTP/2")]
    public async Task Environ_OverTls_HasTheVariablesOfModSsl(string option, string protocol)
    {
        var environ = Json(await tls.CurlAsync("/environ", option));
        string? Text(string name) => environ.TryGetProperty(name, out var value) ? value[1].GetString() : null;
        Assert.Equal((protocol, "https", "on", "localhost", "NONE"),
            (Text("SERVER_PROTOCOL"), Text("wsgi.url_scheme"), Text("HTTPS"), Text("SSL_TLS_SNI"), Text("SSL_CLIENT_VERIFY")));
        Assert.Equal(("TLSv1.3", "CN=a,O=Test", "CN=Test CA"), (Text("SSL_PROTOCOL"), Text("SSL_SERVER_S_DN"), Text("SSL_SERVER_I_DN")));
        Assert.StartsWith("TLS_", Text("SSL_CIPHER"), StringComparison.Ordinal);
        Assert.Null(Text("SSL_CLIENT_S_DN"));
        Assert.Equal($"localhost:{tls.Server.PortText}", Text("HTTP_HOST"));
    }

    [Theory]
    [InlineData("b.test", "CN=b,O=Test")]
    [InlineData("x.b.test", "CN=b,O=Test")]
    [InlineData("a.test", "CN=a,O=Test")]
    [InlineData("xn--bcher-kva.test", "CN=b,O=Test")]
    public async Task Certificate_ForAName_IsThatOne(string name, string subject)
    {
        var ran = await Tool.CurlAsync("--cacert", tls.Files.AuthorityFile, "--connect-to", $"{name}:443:127.0.0.1:{tls.Server.PortText}", $"https://{name}/environ");
        var environ = Json(ran);
        Assert.Equal((subject, name), (environ.GetProperty("SSL_SERVER_S_DN")[1].GetString(), environ.GetProperty("SSL_TLS_SNI")[1].GetString()));
    }

    [Fact]
    public async Task Certificate_ForAnUnknownName_IsTheFirst()
    {
        var ran = await Tool.CurlAsync("-k", "--connect-to", $"other.test:443:127.0.0.1:{tls.Server.PortText}", "https://other.test/environ");
        Assert.Equal("CN=a,O=Test", Json(ran).GetProperty("SSL_SERVER_S_DN")[1].GetString());
        Assert.Equal("https://127.0.0.1:" + tls.Server.PortText, Assert.Single(tls.Server.Addresses()));
    }

    [Fact]
    public async Task Version_OlderThanTheLeast_IsRefusedAndSessionsAreResumed()
    {
        var from = tls.Server.Log.Lines.Count;
        string[] connect = ["s_client", "-connect", $"127.0.0.1:{tls.Server.PortText}", "-CAfile", tls.Files.AuthorityFile, "-servername", "x.b.test", "-verify_return_error"];
        var old = await Tool.RunAsync("openssl", [.. connect, "-tls1_1", "-cipher", "ALL@SECLEVEL=0"]);
        Assert.NotEqual(0, old.Code);
        await tls.Server.Log.WaitForLog("TLS handshake with 127.0.0.1:", from);
        var session = tls.Files.At("session");
        var first = await Tool.RunAsync("openssl", [.. connect, "-tls1_2", "-sess_out", session, "-showcerts"]);
        Assert.True(first.Code == 0, first.Errors);
        Assert.Equal(2, first.Output.Split("-----BEGIN CERTIFICATE-----").Length - 1); // the intermediate is sent, the root is not
        var second = await Tool.RunAsync("openssl", [.. connect, "-tls1_2", "-sess_in", session]);
        Assert.Contains("Reused, TLSv1.2", second.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlainRequest_ToTheTlsPort_IsTold()
    {
        using var client = await tls.Server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 400);
        await tls.Server.Log.WaitForLog($"127.0.0.1:{client.LocalPort} sent a plain HTTP request to a TLS port");
    }

    [Fact]
    public async Task Handshakes_ThatFailOrStall_HoldNobodyElse()
    {
        List<Socket> stalled = [];
        for (var index = 0; index < 20; index++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(tls.Server.EndPoint);
            await socket.SendAsync(index % 2 == 0 ? Array.Empty<byte>() : new byte[] { 22, 3, 1, 2, 0, 1 }); // nothing, or the start of a ClientHello
            stalled.Add(socket);
        }

        using (var garbage = await tls.Server.ConnectAsync())
        {
            await garbage.SendAsync(new byte[] { 0xFF, 0xFE, 0xFD });
            await garbage.AssertClosedAsync();
            await tls.Server.Log.WaitForLog($"TLS handshake with 127.0.0.1:{garbage.LocalPort} failed: what it sent is not TLS");
        }

        Assert.Equal(Expected.Hello, (await tls.CurlAsync("/hello")).Output);
        foreach (var socket in stalled)
        {
            var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            await tls.Server.Log.WaitForLog($"TLS handshake with 127.0.0.1:{port} failed: it took longer than 10 s");
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1]).Within("the stalled connection is closed"));
            socket.Dispose();
        }
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Bodies_BothWays_AreWhole(string version)
    {
        using var http = tls.Server.Https(Version.Parse(version));
        foreach (var size in new[] { 0, 1, 100_000, 3_000_000 })
        {
            var data = Pattern.Bytes(size);
            using var known = new ByteArrayContent(data);
            Assert.Equal(Pattern.Digest(data), await DigestAsync(http, known));
            using var unknown = new StreamContent(new NoLength(data));
            Assert.Equal(Pattern.Digest(data), await DigestAsync(http, unknown));
        }

        foreach (var path in new[] { "/big?name=x&size=3000000", "/big?name=x&size=3000000&length", "/one-big?size=3000000", "/file?kind=real&size=3000000" })
        {
            Assert.Equal(Pattern.Digest(Pattern.Bytes(3_000_000)), Pattern.Digest(await http.GetByteArrayAsync(new Uri(path, UriKind.Relative))));
        }
    }

    private static async Task<string?> DigestAsync(HttpClient http, HttpContent content)
    {
        using var answer = await http.PostAsync(new Uri("/digest", UriKind.Relative), content);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("sha256").GetString();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Load_OverTls_EveryAnswerIsWhole(bool http2)
    {
        string[] version = http2 ? ["-m", "10"] : ["--h1"];
        var ran = await Tool.RunAsync("h2load", ["-n", "4000", "-c", "8", .. version, $"https://127.0.0.1:{tls.Server.PortText}/hello"]);
        Assert.Contains("4000 done, 4000 succeeded, 0 failed, 0 errored, 0 timeout", ran.Output, StringComparison.Ordinal);
        Assert.Contains("4000 2xx", ran.Output, StringComparison.Ordinal);
    }

    private sealed class NoLength(byte[] data) : MemoryStream(data)
    {
        public override bool CanSeek => false;
    }
}
