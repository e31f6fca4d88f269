using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Waitress.Tls;

/// <summary>
/// What is known of a connection's TLS once the handshake is done: for Kestrel which version of HTTP was agreed on, for the app the variables
/// of Apache's mod_ssl or ASGI's extension. Made once per connection, read by any thread.
/// </summary>
internal sealed class TlsSession : ITlsConnectionFeature, ITlsApplicationProtocolFeature
{
    public TlsSession(TlsStream stream, ServerCertificate certificate)
    {
        ApplicationProtocol = stream.NegotiatedApplicationProtocol.Protocol;
        IsHttp2 = stream.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2;
        ClientCertificate = stream.RemoteCertificate as X509Certificate2;
        Variables = [.. Read(stream, certificate, ClientCertificate)];
        ServerPem = certificate.Pem;
        Version = stream.SslProtocol switch
        {
            SslProtocols.Tls12 => 0x0303,
            SslProtocols.Tls13 => 0x0304,
            _ => null,
        };
        CipherSuite = (int)stream.NegotiatedCipherSuite;
        Key = this;
        if (ClientCertificate is null)
        {
            Key = new Kind(certificate, Version, CipherSuite);
            return;
        }

        ClientName = DistinguishedName.Text(ClientCertificate.SubjectName);
        ClientChain = [ClientCertificate.ExportCertificatePem() + "\n", .. stream.ClientAuthorities];
    }

    public ReadOnlyMemory<byte> ApplicationProtocol { get; }

    /// <summary>Whether HTTP/2 was agreed on.</summary>
    public bool IsHttp2 { get; }

    /// <summary>The client's, which has been checked; null: it sent none.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>Names and values for environ; the values are Latin-1, as PEP 3333 wants texts.</summary>
    public IReadOnlyList<TlsVariable> Variables { get; }

    /// <summary>Equal to that of another session where an ASGI app is told the same of both: of all without a client's certificate there are few kinds.</summary>
    public object Key { get; }

    /// <summary>The server's certificate.</summary>
    public string ServerPem { get; }

    /// <summary>The number in the specifications: 0x0303 is TLS 1.2.</summary>
    public int? Version { get; }

    /// <summary>The number in IANA's registry, the first byte above the second.</summary>
    public int CipherSuite { get; }

    /// <summary>Whom the client's certificate is for (RFC 4514); null: it sent none.</summary>
    public string? ClientName { get; }

    /// <summary>The client's certificate and the authorities' that it sent along, each signed by the next one, as PEM.</summary>
    public IReadOnlyList<string> ClientChain { get; } = [];

    public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult(ClientCertificate);

    private static IEnumerable<TlsVariable> Read(SslStream stream, ServerCertificate certificate, X509Certificate2? client)
    {
        yield return new("SSL_PROTOCOL", stream.SslProtocol switch
        {
            SslProtocols.Tls12 => "TLSv1.2",
            SslProtocols.Tls13 => "TLSv1.3",
            var other => other.ToString(),
        });
        yield return new("SSL_CIPHER", CipherName.ForOpenSsl(stream.NegotiatedCipherSuite.ToString()));
        yield return new("SSL_SERVER_S_DN", certificate.Subject);
        yield return new("SSL_SERVER_I_DN", certificate.Issuer);
        yield return new("SSL_SERVER_M_SERIAL", certificate.Serial);
        // A client may put anything here, so it is the one value that is not shared between connections.
        if (CertificateSet.AsSent(stream.TargetHostName) is { Length: > 0 } name && name.All(c => c is > ' ' and < '\x7f'))
            yield return new("SSL_TLS_SNI", name) { IsShared = false };
        yield return new("SSL_CLIENT_VERIFY", client is null ? "NONE" : "SUCCESS");
        if (client is null)
            yield break;
        yield return new("SSL_CLIENT_S_DN", DistinguishedName.Write(client.SubjectName)) { IsShared = false };
        yield return new("SSL_CLIENT_I_DN", DistinguishedName.Write(client.IssuerName)) { IsShared = false };
        yield return new("SSL_CLIENT_M_SERIAL", client.SerialNumber) { IsShared = false };
        yield return new("SSL_CLIENT_V_START", Time(client.NotBefore)) { IsShared = false };
        yield return new("SSL_CLIENT_V_END", Time(client.NotAfter)) { IsShared = false };
        yield return new("SSL_CLIENT_CERT", client.ExportCertificatePem() + "\n") { IsShared = false };
    }

    private sealed record Kind(ServerCertificate Certificate, int? Version, int CipherSuite);

    // As OpenSSL prints times: "Jan  5 09:00:00 2026 GMT".
    private static string Time(DateTime local)
    {
        var time = local.ToUniversalTime();
        return string.Create(CultureInfo.InvariantCulture, $"{time:MMM} {time.Day,2} {time:HH:mm:ss yyyy} GMT");
    }
}

/// <summary>One variable of environ.</summary>
internal sealed record TlsVariable(string Name, string Value)
{
    /// <summary>Whether many connections have the same value, so that one Python string may serve them all.</summary>
    public bool IsShared { get; init; } = true;
}
