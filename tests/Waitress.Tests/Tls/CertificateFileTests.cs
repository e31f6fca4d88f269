using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Waitress.Configuration;
using Waitress.Tls;

namespace Waitress.Tests.Tls;

public sealed class CertificateFileTests : IDisposable
{
    private readonly Certificates files = new();

    public void Dispose() => files.Dispose();

    private string Error(string certfile, string? keyfile = null, string? password = null)
    {
        Assert.Null(CertificateFile.Load(files.At(certfile), keyfile is null ? null : files.At(keyfile), password is null ? null : new Secret(password), out var error));
        return error!;
    }

    private CertificatePair Load(string certfile, string? keyfile = null, string? password = null)
    {
        var pair = CertificateFile.Load(files.At(certfile), keyfile is null ? null : files.At(keyfile), password is null ? null : new Secret(password), out var error);
        Assert.Null(error);
        Assert.True(pair!.Leaf.HasPrivateKey);
        return pair;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_PemWithKeyOfEitherKind_GivesThePair(bool ec)
    {
        using var made = files.Write("a", ["a.test"], ec);
        Assert.Equal(made.Thumbprint, Load("a.pem", "a.key").Leaf.Thumbprint);
    }

    [Fact]
    public void Load_EncryptedKey_NeedsItsPassword()
    {
        files.Write("a", ["a.test"], password: "secret").Dispose();
        Load("a.pem", "a.key", "secret");
        Assert.Contains("is encrypted: give keyfile_password", Error("a.pem", "a.key"), StringComparison.Ordinal);
        Assert.Contains("the password does not open it", Error("a.pem", "a.key", "wrong"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_OlderFormsOfKeys_AreRead(bool ec)
    {
        using var made = files.Write("a", ["a.test"], ec);
        var text = ec
            ? "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + made.GetECDsaPrivateKey()!.ExportECPrivateKeyPem()
            : made.GetRSAPrivateKey()!.ExportRSAPrivateKeyPem();
        File.WriteAllText(files.At("old.key"), text);
        Load("a.pem", "old.key");
    }

    [Fact]
    public void Load_ChainAndKeyInOneFile_FirstCertificateIsTheServers()
    {
        using var middle = Certificates.Make("CN=Middle", files.Authority, null, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(50), isAuthority: true);
        using var made = files.Write("a", ["a.test"], issuer: middle);
        File.WriteAllText(files.At("all.pem"), File.ReadAllText(files.At("a.pem")) + "\n" + middle.ExportCertificatePem() + "\n" + File.ReadAllText(files.At("a.key")));
        var pair = Load("all.pem");
        Assert.Equal(made.Thumbprint, pair.Leaf.Thumbprint);
        Assert.Equal(middle.Thumbprint, Assert.Single(pair.Chain).Thumbprint);
    }

    [Fact]
    public void Load_Pkcs12_NeedsItsPasswordAndNoKeyfile()
    {
        using var made = files.Write("a", ["a.test"], ec: false);
        File.WriteAllBytes(files.At("a.p12"), made.Export(X509ContentType.Pkcs12, "secret"));
        Load("a.p12", null, "secret");
        Assert.Contains("the password does not open it", Error("a.p12", null, "wrong"), StringComparison.Ordinal);
        Assert.Contains("no keyfile can be given", Error("a.p12", "a.key", "secret"), StringComparison.Ordinal);
        File.WriteAllBytes(files.At("noise"), RandomNumberGenerator.GetBytes(1000));
        Assert.Contains("neither PEM nor PKCS#12", Error("noise"), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_KeyOfAnotherCertificate_IsRefused()
    {
        files.Write("a", ["a.test"]).Dispose();
        files.Write("b", ["b.test"]).Dispose();
        files.Write("c", ["c.test"], ec: false).Dispose();
        Assert.Contains("not the key of the certificate", Error("a.pem", "b.key"), StringComparison.Ordinal);
        Assert.Contains("not the key of the certificate", Error("a.pem", "c.key"), StringComparison.Ordinal);
        Assert.Contains("not the key of the certificate", Error("c.pem", "a.key"), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_WhatIsNoCertificateOrKey_SaysSo()
    {
        files.Write("a", ["a.test"]).Dispose();
        File.WriteAllText(files.At("empty"), "");
        File.WriteAllText(files.At("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        File.WriteAllText(files.At("old.key"), "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n");
        Assert.EndsWith("there is no such file", Error("nothing"), StringComparison.Ordinal);
        Assert.EndsWith("there is no such file", Error("a.pem", "nothing"), StringComparison.Ordinal);
        Assert.Contains("neither PEM nor PKCS#12", Error("empty"), StringComparison.Ordinal);
        Assert.Contains("can't be read", Error("broken.pem"), StringComparison.Ordinal);
        Assert.Contains("no certificate in it", Error("a.key"), StringComparison.Ordinal);
        Assert.Contains("no private key in it", Error("a.pem"), StringComparison.Ordinal);
        Assert.Contains("no private key in it", Error("a.pem", "empty"), StringComparison.Ordinal);
        Assert.Contains("openssl pkcs8", Error("a.pem", "old.key"), StringComparison.Ordinal);
        Assert.Contains("folder", Error("."), StringComparison.Ordinal);
    }

    [Fact]
    public void LoadPassword_File_GivesItsFirstLine()
    {
        File.WriteAllText(files.At("password"), "secret with blank \r\nmore");
        Assert.Equal("secret with blank ", CertificateFile.LoadPassword(files.At("password"), out _)!.Text);
        File.WriteAllText(files.At("password"), "\n");
        Assert.Null(CertificateFile.LoadPassword(files.At("password"), out var error));
        Assert.Contains("is empty", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_SeveralFaults_TellsEach()
    {
        files.Write("a", ["a.test"]).Dispose();
        var errors = new List<string>();
        var settings = new Settings
        {
            Certfile = [files.At("a.pem"), files.At("b.pem")],
            Keyfile = [files.At("b.key"), files.At("b.key")],
            CaCerts = files.At("ca"),
            ClientCert = Settings.ClientCertRequired,
        };
        Assert.Null(CertificateFiles.Open(settings, errors));
        Assert.Equal(3, errors.Count);
        errors.Clear();
        Assert.Null(CertificateFiles.Open(new Settings(), errors));
        Assert.Empty(errors);
    }
}
