using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Waitress.Tests.Tls;

/// <summary>Certificates made for one test, as files in a folder of their own.</summary>
internal sealed class Certificates : IDisposable
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;

    public Certificates()
    {
        Authority = Make("CN=Test CA", null, null, s_now.AddDays(-1), s_now.AddDays(100), isAuthority: true);
        File.WriteAllText(AuthorityFile, Authority.ExportCertificatePem());
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("waitress-tls-").FullName;

    public X509Certificate2 Authority { get; }

    public string AuthorityFile => At("ca.pem");

    public string At(string name) => Path.Combine(Folder, name);

    /// <summary>Writes NAME.pem and NAME.key; the certificate.</summary>
    public X509Certificate2 Write(string name, string[] names, bool ec = true, double days = 50, string? password = null, double from = -1, X509Certificate2? issuer = null)
    {
        using AsymmetricAlgorithm key = ec ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        using var made = Make($"CN={name}, O=Test", issuer ?? Authority, key, s_now.AddDays(from), s_now.AddDays(days), names: names);
        File.WriteAllText(At(name + ".pem"), made.ExportCertificatePem());
        File.WriteAllText(At(name + ".key"), password is null
            ? key.ExportPkcs8PrivateKeyPem()
            : key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000)));
        return key is RSA rsa ? made.CopyWithPrivateKey(rsa) : made.CopyWithPrivateKey((ECDsa)key);
    }

    public static X509Certificate2 Make(
        string subject, X509Certificate2? issuer, AsymmetricAlgorithm? key, DateTimeOffset from, DateTimeOffset to, bool isAuthority = false, string[]? names = null)
    {
        using var own = key is null ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : null;
        var request = key switch
        {
            RSA rsa => new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            ECDsa ec => new CertificateRequest(subject, ec, HashAlgorithmName.SHA256),
            _ => new CertificateRequest(subject, own!, HashAlgorithmName.SHA256),
        };
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        if (names is { Length: > 0 })
        {
            var alternatives = new SubjectAlternativeNameBuilder();
            foreach (var name in names)
                alternatives.AddDnsName(name);
            alternatives.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(alternatives.Build());
        }

        if (issuer is null)
            return request.CreateSelfSigned(from, to);
        var serial = new byte[8];
        RandomNumberGenerator.Fill(serial);
        serial[0] &= 0x7F;
        using var signer = issuer.GetECDsaPrivateKey()!;
        var made = request.Create(issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(signer), from, to, serial);
        return isAuthority ? made.CopyWithPrivateKey(own!) : made;
    }

    public void Dispose()
    {
        Authority.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
