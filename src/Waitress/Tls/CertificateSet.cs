using System.Globalization;

namespace Waitress.Tls;

/// <summary>All certificates of a server at one moment; which one answers is decided by the name that the client asks for (SNI). Immutable.</summary>
internal sealed class CertificateSet
{
    private static readonly IdnMapping Idn = new() { AllowUnassigned = true };

    private readonly Dictionary<string, ServerCertificate> _byName = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="certificates">At least one; where two are for the same name, the earlier one answers.</param>
    public CertificateSet(IReadOnlyList<ServerCertificate> certificates)
    {
        All = certificates;
        foreach (var certificate in certificates)
        {
            foreach (var name in certificate.Names)
                _byName.TryAdd(name, certificate);
        }
    }

    public IReadOnlyList<ServerCertificate> All { get; }

    /// <summary>
    /// That of the name itself, else of its wildcard, which stands for one label (RFC 6125 section 6.4.3), else the first: a client that asks for
    /// no name, or for an unknown one, sees for itself whether that suits it.
    /// </summary>
    public ServerCertificate Select(string? name)
    {
        if (string.IsNullOrEmpty(name) || All.Count == 1)
            return All[0];
        name = AsSent(name);
        if (_byName.TryGetValue(name, out var exact))
            return exact;
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && _byName.TryGetValue($"*{name[dot..]}", out var wildcard) ? wildcard : All[0];
    }

    /// <summary>A name of the client's hello in ASCII, as clients send it and certificates have it: .NET shows xn--bcher-kva as bücher.</summary>
    public static string AsSent(string name)
    {
        if (name.All(char.IsAscii))
            return name;
        try
        {
            return Idn.GetAscii(name);
        }
        catch (ArgumentException)
        {
            return name; // No name of a host.
        }
    }
}
