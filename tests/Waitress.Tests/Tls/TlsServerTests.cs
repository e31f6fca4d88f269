using System.Security.Cryptography.X509Certificates;
using System.Text;
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Tests.Http;

namespace Waitress.Tests.Tls;

/// <summary>TLS and HTTP/2 through the stages of a request, on real connections.</summary>
public sealed class TlsServerTests : IDisposable
{
    private readonly Certificates certificates = new();
    private readonly Settings settings;

    public TlsServerTests()
    {
        certificates.Write("a", ["localhost", "a.test"]).Dispose();
        settings = EngineServer.Loopback with { Certfile = [certificates.At("a.pem")], Keyfile = [certificates.At("a.key")] };
    }

    public void Dispose() => certificates.Dispose();

    private static void Tell(Exchange exchange)
    {
        var body = exchange.Body.File is { } file ? RandomAccess.GetLength(file) : exchange.Body.Memory.Length;
        exchange.Response.Start(200, "OK");
        exchange.Response.TryGather(Encoding.Latin1.GetBytes($"{exchange.Request.Method} {exchange.Request.Protocol} {body}"));
        exchange.Response.Declare(exchange.Response.Written);
    }

    private HttpClient Client(EngineServer server, Version version)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(certificates.Authority);
        return new HttpClient(handler)
        {
            BaseAddress = new Uri($"https://localhost:{server.EndPoint.Port}/"),
            DefaultRequestVersion = version,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Upload_OfAnySize_ArrivesWhole(string version)
    {
        await using var server = await EngineServer.StartAsync(Tell, settings);
        using var client = Client(server, Version.Parse(version));
        foreach (var size in new[] { 0, 1, 16_384, 70_000, 3_000_000 })
        {
            using var content = new ByteArrayContent(new byte[size]);
            using var answer = await client.PostAsync(new Uri("/", UriKind.Relative), content);
            Assert.Equal($"POST HTTP/{version.Replace(".0", "", StringComparison.Ordinal)} {size}", await answer.Content.ReadAsStringAsync());
        }

        Assert.Empty(server.Ended);
        Assert.Empty(await server.StopAsync());
    }
}
