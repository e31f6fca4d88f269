using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Waitress.Configuration;

namespace Waitress.Tls;

/// <summary>All certificates as they were read at the start.</summary>
internal sealed record LoadedCertificates(
    CertificateFiles Files, IReadOnlyList<Loaded<CertificatePair>> Pairs, Loaded<X509Certificate2Collection>? Authorities);

/// <summary>What the settings say about certificates, and how to make those ready for handshakes that are read from the files.</summary>
internal sealed class CertificateFiles
{
    private readonly Settings _settings;
    private readonly List<SslApplicationProtocol> _versions = [];

    public CertificateFiles(Settings settings)
    {
        _settings = settings;
        if (settings.SpeaksHttp2)
            _versions.Add(SslApplicationProtocol.Http2);
        if (settings.SpeaksHttp1)
            _versions.Add(SslApplicationProtocol.Http11);
    }

    public int Count => _settings.Certfile.Count;

    /// <summary>Reads all; null when something is wrong (told in <paramref name="errors"/>, a line each) or when there is no TLS.</summary>
    public static LoadedCertificates? Open(Settings settings, List<string> errors)
    {
        if (!settings.Tls)
            return null;
        if (OpenSsl.Problem() is { } problem)
        {
            errors.Add(problem);
            return null;
        }

        var files = new CertificateFiles(settings);
        var pairs = new List<Loaded<CertificatePair>>();
        for (var i = 0; i < files.Count; i++)
        {
            var stamp = WatchedFiles<CertificatePair>.StampOf(files.FilesOf(i)); // Before the reading: what changes meanwhile is found later.
            if (files.LoadPair(i, out var error) is { } pair)
                pairs.Add(new Loaded<CertificatePair>(stamp, pair));
            else if (!errors.Contains(error!))
                errors.Add(error!); // Once, when the password file is what can't be read.
        }

        var authoritiesStamp = WatchedFiles<X509Certificate2Collection>.StampOf(files.FilesOfAuthorities);
        var authorities = files.LoadAuthorities(out var refused);
        if (refused is not null)
            errors.Add(refused);
        return errors.Count > 0 ? null : new LoadedCertificates(files, pairs, authorities is null ? null : new Loaded<X509Certificate2Collection>(authoritiesStamp, authorities));
    }

    /// <summary>The files of a certificate, whose change makes it worth another look.</summary>
    public IReadOnlyList<string> FilesOf(int index) =>
        [.. new[] { _settings.Certfile[index], _settings.Keyfile.Count > 0 ? _settings.Keyfile[index] : null, _settings.KeyfilePasswordFile }.OfType<string>()];

    public IReadOnlyList<string> FilesOfAuthorities => _settings.CaCerts is { } path ? [path] : [];

    public CertificatePair? LoadPair(int index, out string? error)
    {
        var password = _settings.KeyfilePassword;
        if (_settings.KeyfilePasswordFile is { } file && (password = CertificateFile.LoadPassword(file, out error)) is null)
        {
            error = $"keyfile_password_file: {error}";
            return null;
        }

        var pair = CertificateFile.Load(_settings.Certfile[index], _settings.Keyfile.Count > 0 ? _settings.Keyfile[index] : null, password, out error);
        if (error is not null)
            error = $"certfile: {error}";
        return pair;
    }

    /// <summary>Null without an error: none are named.</summary>
    public X509Certificate2Collection? LoadAuthorities(out string? error)
    {
        error = null;
        var found = _settings.CaCerts is { } path ? CertificateFile.LoadBundle(path, out error) : null;
        if (error is not null)
            error = $"ca_certs: {error}";
        return found;
    }

    public CertificateSet Make(IEnumerable<CertificatePair> pairs, X509Certificate2Collection? authorities)
    {
        var trust = authorities is null ? null : SslCertificateTrust.CreateForX509Collection(authorities, sendTrustInHandshake: OperatingSystem.IsLinux());
        return new CertificateSet([.. pairs.Select(pair => new ServerCertificate(pair, context => Options(context, authorities), trust))]);
    }

    private SslServerAuthenticationOptions Options(SslStreamCertificateContext context, X509Certificate2Collection? authorities)
    {
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = context,
            EnabledSslProtocols = _settings.TlsMinVersion == "1.3" ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = _versions,
            AllowRenegotiation = false,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (authorities is null)
            return options;
        var required = _settings.ClientCert == Settings.ClientCertRequired;
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        policy.ExtraStore.AddRange(authorities);
        options.ClientCertificateRequired = true; // .NET's word for asking; whether none will do is decided below.
        options.CertificateChainPolicy = policy;
        options.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) => Accepts((TlsStream)sender, certificate, chain, errors, required, authorities.Count);
        return options;
    }

    private static bool Accepts(TlsStream stream, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, bool required, int ours)
    {
        if (certificate is null)
        {
            stream.Rejected = required ? "the client sent no certificate" : null;
            return !required;
        }

        // A client's certificate carries no host name that could be wrong.
        if ((errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None)
        {
            // What the client sent stands behind what we gave; .NET disposes it after this call.
            if (certificate is X509Certificate2 leaf && chain is not null && chain.ChainPolicy.ExtraStore.Count > ours)
                stream.ClientAuthorities = [.. InOrder(leaf, [.. chain.ChainPolicy.ExtraStore.Skip(ours)])];
            return true;
        }

        var reasons = chain?.ChainStatus.Select(status => status.Status.ToString()).Distinct().ToArray() ?? [];
        stream.Rejected = $"the client's certificate is not valid ({(reasons.Length > 0 ? string.Join(", ", reasons) : errors)})";
        return false;
    }

    // TLS 1.3 lets them come in any order (RFC 8446 section 4.4.2).
    private static IEnumerable<string> InOrder(X509Certificate2 leaf, List<X509Certificate2> sent)
    {
        sent.RemoveAll(certificate => certificate.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span));
        var last = leaf;
        while (sent.Find(certificate => certificate.SubjectName.RawData.AsSpan().SequenceEqual(last.IssuerName.RawData)) is { } issuer)
        {
            sent.Remove(issuer);
            yield return issuer.ExportCertificatePem() + "\n";
            last = issuer;
        }
    }
}
