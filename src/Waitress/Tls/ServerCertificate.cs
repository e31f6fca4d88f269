using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Waitress.Tls;

/// <summary>A certificate with its key and chain, as it was read and checked.</summary>
/// <param name="Leaf">The server's own, with its key.</param>
/// <param name="Chain">The authorities' that were in the same file.</param>
internal sealed record CertificatePair(X509Certificate2 Leaf, X509Certificate2Collection Chain);

/// <summary>A certificate ready for handshakes, and which names it is for. Immutable; any thread.</summary>
internal sealed class ServerCertificate
{
    public ServerCertificate(CertificatePair pair, Func<SslStreamCertificateContext, SslServerAuthenticationOptions> options, SslCertificateTrust? trust)
    {
        Leaf = pair.Leaf;
        Names = NamesOf(Leaf);
        Subject = DistinguishedName.Write(Leaf.SubjectName);
        Issuer = DistinguishedName.Write(Leaf.IssuerName);
        Serial = Leaf.SerialNumber;
        Pem = Leaf.ExportCertificatePem() + "\n";

        // Offline: neither missing parts of the chain nor OCSP answers are fetched from addresses that the certificate names.
        Options = options(SslStreamCertificateContext.Create(Leaf, pair.Chain, offline: true, trust));
    }

    public X509Certificate2 Leaf { get; }

    /// <summary>Host names in lower case, wildcards as they are written; the subject's common name where it has no alternative names.</summary>
    public IReadOnlyList<string> Names { get; }

    public string Subject { get; }

    public string Issuer { get; }

    public string Serial { get; }

    /// <summary>The certificate alone, without its chain.</summary>
    public string Pem { get; }

    public DateTime Ends => Leaf.NotAfter.ToUniversalTime();

    /// <summary>For every handshake with this certificate; shared, so that sessions can be resumed.</summary>
    public SslServerAuthenticationOptions Options { get; }

    /// <summary>For log entries: the first names, or the subject where there are none.</summary>
    public string Title => Names.Count switch
    {
        0 => Subject,
        <= 3 => string.Join(", ", Names),
        _ => $"{string.Join(", ", Names.Take(3))} and {Names.Count - 3} more",
    };

    private static string[] NamesOf(X509Certificate2 leaf)
    {
        var alternatives = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        if (alternatives?.EnumerateDnsNames().ToArray() is { Length: > 0 } names)
            return [.. names.Select(name => name.ToLowerInvariant())];
        return leaf.GetNameInfo(X509NameType.SimpleName, forIssuer: false) is { Length: > 0 } name && name.Contains('.', StringComparison.Ordinal) && !name.Contains(' ', StringComparison.Ordinal)
            ? [name.ToLowerInvariant()]
            : [];
    }
}
