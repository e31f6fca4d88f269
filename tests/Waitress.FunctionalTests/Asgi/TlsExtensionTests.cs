using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What a scope tells of TLS (ASGI TLS extension 0.2).</summary>
public sealed class TlsExtensionTests : IDisposable
{
    private readonly Certificates _files = new();

    public TlsExtensionTests() => _files.Write("a", ["localhost"]).Dispose();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Scope_OfAClientWithoutCertificate_TellsOfTheSession()
    {
        await using var server = await StartAsync("asgi_suite:app");
        var seen = await TlsAsync(server, "--tlsv1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256", "--http2");
        string[] keys = ["server_cert", "client_cert_chain", "client_cert_name", "client_cert_error", "tls_version", "cipher_suite"];
        Assert.Equal(keys, seen.EnumerateObject().Select(each => each.Name));
        Assert.Equal(await File.ReadAllTextAsync(_files.At("a.pem")) + "\n", seen.GetProperty("server_cert").GetString());
        Assert.Equal(("[]", "null", "null"), (seen.GetProperty("client_cert_chain").GetRawText(), seen.GetProperty("client_cert_name").GetRawText(), seen.GetProperty("client_cert_error").GetRawText()));
        Assert.Equal((0x0304, 0x1303), (seen.GetProperty("tls_version").GetInt32(), seen.GetProperty("cipher_suite").GetInt32()));
        seen = await TlsAsync(server, "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", "--http1.1");
        Assert.Equal((0x0303, 0xC02B), (seen.GetProperty("tls_version").GetInt32(), seen.GetProperty("cipher_suite").GetInt32()));
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task Scope_OfAClientWithCertificate_HasItsChainAndName(string version)
    {
        var now = DateTimeOffset.UtcNow;
        using var middle = Certificates.Make("CN=Middle", _files.Authority, null, now.AddDays(-1), now.AddDays(90), isAuthority: true);
        using var inner = Certificates.Make("CN=Inner", middle, null, now.AddDays(-1), now.AddDays(90), isAuthority: true);
        _files.Write("caf\u00e9", ["me.test"], issuer: inner).Dispose();
        var own = await File.ReadAllTextAsync(_files.At("caf\u00e9.pem"));
        var (first, second) = (inner.ExportCertificatePem(), middle.ExportCertificatePem());
        await File.WriteAllTextAsync(_files.At("client.pem"), $"{own}\n{first}\n{second}\n");
        await using var server = await StartAsync("asgi_suite:app", $"--ca-certs={_files.AuthorityFile}", "--client-cert=optional");
        string[] client = ["--cert", _files.At("client.pem"), "--key", _files.At("caf\u00e9.key"), "--tls-max", version];

        // Twice on one connection: the second is a copy of what was kept.
        var ran = await Tool.CurlAsync(["--cacert", _files.AuthorityFile, .. client, $"https://localhost:{server.PortText}/any", $"https://localhost:{server.PortText}/any"]);
        Assert.True(ran.Code == 0, ran.Errors);
        foreach (var text in ran.Output.Replace("}{", "}\n{", StringComparison.Ordinal).Split('\n'))
        {
            var seen = JsonDocument.Parse(text).RootElement.GetProperty("extensions").GetProperty("tls");
            Assert.Equal([$"{own}\n", $"{first}\n", $"{second}\n"], seen.GetProperty("client_cert_chain").EnumerateArray().Select(each => each.GetString()));
            Assert.Equal(("CN=caf\u00e9,O=Test", "null"), (seen.GetProperty("client_cert_name").GetString(), seen.GetProperty("client_cert_error").GetRawText()));
        }

        Assert.Equal("null", (await TlsAsync(server, "--tls-max", version)).GetProperty("client_cert_name").GetRawText());
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Scope_OfASocket_HasItAsWell(string version)
    {
        await using var server = await StartAsync("asgi_sockets:app");
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } });
        using var socket = new ClientWebSocket();
        (socket.Options.HttpVersion, socket.Options.HttpVersionPolicy) = (Version.Parse(version), HttpVersionPolicy.RequestVersionExact);
        await socket.ConnectAsync(new Uri($"wss://localhost:{server.PortText}/scope"), http, CancellationToken.None).Within("the handshake");
        var buffer = new byte[65_536];
        var result = await socket.ReceiveAsync(buffer, CancellationToken.None).Within("the scope");
        var seen = JsonDocument.Parse(Encoding.UTF8.GetString(buffer, 0, result.Count)).RootElement;
        Assert.Equal(("wss", version[..1]), (seen.GetProperty("scheme").GetString(), seen.GetProperty("http_version").GetString()![..1]));
        Assert.Equal(["websocket.http.response", "tls"], seen.GetProperty("extensions").EnumerateObject().Select(each => each.Name));
        using var given = X509Certificate2.CreateFromPem(seen.GetProperty("extensions").GetProperty("tls").GetProperty("server_cert").GetString());
        Assert.Equal("CN=a, O=Test", given.Subject);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.Equal(0, await server.StopAsync());
    }

    private Task<PythonServer> StartAsync(string app, params string[] more) =>
        PythonServer.StartAsync(app, [$"--certfile={_files.At("a.pem")}", $"--keyfile={_files.At("a.key")}", .. more]);

    private async Task<JsonElement> TlsAsync(PythonServer server, params string[] more)
    {
        var ran = await Tool.CurlAsync(["--cacert", _files.AuthorityFile, .. more, $"https://localhost:{server.PortText}/any"]);
        Assert.True(ran.Code == 0, ran.Errors);
        return JsonDocument.Parse(ran.Output).RootElement.GetProperty("extensions").GetProperty("tls").Clone();
    }
}
