namespace Waitress.Tls;

/// <summary>OpenSSL's names of cipher suites, which logs and apps know, out of those of IANA's registry, which .NET has.</summary>
internal static class CipherName
{
    /// <summary>
    /// TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 is ECDHE-RSA-AES256-GCM-SHA384; the suites of TLS 1.3, which name no key exchange, are called alike.
    /// </summary>
    public static string ForOpenSsl(string name)
    {
        if (!name.StartsWith("TLS_", StringComparison.Ordinal) || name.IndexOf("_WITH_", StringComparison.Ordinal) is var with && with < 0)
            return name;
        var exchange = name[4..with].Replace('_', '-');
        var cipher = name[(with + 6)..]
            .Replace("AES_128", "AES128", StringComparison.Ordinal).Replace("AES_256", "AES256", StringComparison.Ordinal)
            .Replace("_CBC", "", StringComparison.Ordinal).Replace("CCM_8", "CCM8", StringComparison.Ordinal)
            .Replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305", StringComparison.Ordinal)
            .Replace('_', '-');
        return exchange == "RSA" ? cipher : $"{exchange}-{cipher}";
    }
}
