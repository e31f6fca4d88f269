using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Metrics;
using Waitress.Tests.AccessLogging;
using Waitress.Tests.Http;
using Waitress.Tls;

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

    [Fact]
    public async Task Handshakes_ThatFail_AreCountedByReason()
    {
        Assert.Equal(Enum.GetValues<HandshakeFailure>().Length, HandshakeFailures.Names.Length);
        var figures = new WorkerFigures(MetricBoard.Private(), 0, TimeProvider.System);
        await using var server = await EngineServer.StartAsync(Tell, settings, figures);
        using (var plain = server.Connect())
        {
            plain.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.Equal(400, plain.Read().Status);
        }

        using (var junk = server.Connect())
        {
            junk.Send([1, 2, 3]);
            Assert.True(junk.IsAtEnd());
        }

        using (var gone = server.Connect())
            gone.Send([22, 3, 1, 0, 100, 1]);
        using (var client = server.Connect())
        {
            await using var stream = new SslStream(new NetworkStream(client.Socket));
            await Assert.ThrowsAnyAsync<Exception>(() => stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = [new SslApplicationProtocol("none")] }));
        }

        using (var silent = server.Connect())
            silent.Socket.Shutdown(SocketShutdown.Both); // No failure: somebody looked whether the port is open.
        using (var reset = server.Connect())
            reset.Reset();
        var expected = new[] { (HandshakeFailure.PlainHttp, 1L), (HandshakeFailure.NotTls, 1), (HandshakeFailure.Closed, 1), (HandshakeFailure.Protocol, 1) };
        LogFolder.Until(() => expected.All(each => Count(each.Item1) == each.Item2), "the failures are counted");
        await server.StopAsync();
        Assert.Equal(expected.Sum(each => each.Item2), Enum.GetValues<HandshakeFailure>().Sum(Count));

        long Count(HandshakeFailure failure) => figures.Board.Read().Sum(MetricTable.HandshakesFailed.Place + (int)failure);
    }
}
