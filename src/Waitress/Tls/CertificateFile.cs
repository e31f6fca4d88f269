using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Waitress.Configuration;

namespace Waitress.Tls;

/// <summary>Reads one certificate with its chain and key, and checks that they belong together. Every failure is a text that names the file.</summary>
internal static class CertificateFile
{
    // A chain is some kilobytes, a bundle of all public authorities 250; more is the wrong file.
    private const long MostBytes = 4 << 20;

    private const string Rsa = "1.2.840.113549.1.1.1", EllipticCurve = "1.2.840.10045.2.1";

    /// <summary>The pair, or null with the reason in <paramref name="error"/>.</summary>
    /// <param name="certfile">PEM with the certificate first, or PKCS#12.</param>
    /// <param name="keyfile">PEM; null: the key is in <paramref name="certfile"/>.</param>
    /// <param name="password">Of an encrypted key.</param>
    /// <param name="error">The reason, or null.</param>
    public static CertificatePair? Load(string certfile, string? keyfile, Secret? password, out string? error)
    {
        var bytes = Read(certfile, out error);
        if (bytes is null)
            return null;
        if (!IsPem(bytes))
            return FromPkcs12(certfile, keyfile, bytes, password, out error);
        var chain = Certificates(certfile, bytes, out error);
        if (chain is null)
            return null;
        var leaf = chain[0];
        chain.RemoveAt(0);
        var keyText = keyfile is null ? bytes : Read(keyfile, out error);
        var pair = keyText is null ? null : WithKey(leaf, chain, certfile, keyfile ?? certfile, Encoding.Latin1.GetString(keyText), password, out error);
        if (keyText is not null)
            CryptographicOperations.ZeroMemory(keyText);
        return pair;
    }

    /// <summary>The certificates of a PEM file, one at least; null with the reason in <paramref name="error"/>.</summary>
    public static X509Certificate2Collection? LoadBundle(string path, out string? error) =>
        Read(path, out error) is { } bytes ? Certificates(path, bytes, out error) : null;

    /// <summary>The first line of a file, without the end of the line.</summary>
    public static Secret? LoadPassword(string path, out string? error)
    {
        if (Read(path, out error) is not { } bytes)
            return null;
        var text = Encoding.UTF8.GetString(bytes);
        var line = text.AsSpan().IndexOfAny('\r', '\n') is var end and >= 0 ? text[..end] : text;
        error = line.Length == 0 ? $"{path}: its first line, which is the password, is empty" : null;
        return error is null ? new Secret(line) : null;
    }

    private static byte[]? Read(string path, out string? error)
    {
        error = null;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (!file.CanSeek || file.Length > MostBytes)
            {
                error = $"{path}: it is not a plain file of at most {MostBytes >> 20} MiB";
                return null;
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            error = $"{path}: there is no such file";
        }
        catch (UnauthorizedAccessException)
        {
            error = Directory.Exists(path) ? $"{path}: it is a folder" : $"{path}: permission denied";
        }
        catch (IOException e)
        {
            error = $"{path}: {e.Message}";
        }

        return null;
    }

    private static bool IsPem(ReadOnlySpan<byte> bytes) => bytes.IndexOf("-----BEGIN "u8) >= 0;

    private static X509Certificate2Collection? Certificates(string path, byte[] bytes, out string? error)
    {
        error = null;
        var found = new X509Certificate2Collection();
        try
        {
            found.ImportFromPem(Encoding.Latin1.GetString(bytes));
        }
        catch (CryptographicException e)
        {
            error = $"{path}: a certificate in it can't be read ({e.Message})";
            return null;
        }

        if (found.Count > 0)
            return found;
        error = $"{path}: there is no certificate in it (a block that begins with -----BEGIN CERTIFICATE-----)";
        return null;
    }

    private static CertificatePair? WithKey(
        X509Certificate2 leaf, X509Certificate2Collection chain, string certfile, string keyfile, string text, Secret? password, out string? error)
    {
        if (KeyBlock(text, out var encrypted) is not { } block)
        {
            error = text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal)
                ? $"{keyfile}: the key is encrypted in OpenSSL's older form, which is not read; convert it: openssl pkcs8 -topk8 -in OLD -out NEW"
                : $"{keyfile}: there is no private key in it (PKCS#8, RSA or EC in PEM form)";
            return null;
        }

        if (encrypted && password is null)
        {
            error = $"{keyfile}: the key is encrypted: give keyfile_password or keyfile_password_file";
            return null;
        }

        var secret = encrypted ? password!.Text : null;
        try
        {
            error = null;
            switch (leaf.PublicKey.Oid.Value)
            {
                case Rsa:
                    using (var key = RSA.Create())
                    {
                        Import(key, block, secret);
                        return Usable(leaf.CopyWithPrivateKey(key), chain);
                    }

                case EllipticCurve:
                    using (var key = ECDsa.Create())
                    {
                        Import(key, block, secret);
                        return Usable(leaf.CopyWithPrivateKey(key), chain);
                    }

                default:
                    error = $"{certfile}: its key is of a kind that is not supported ({leaf.PublicKey.Oid.FriendlyName ?? leaf.PublicKey.Oid.Value}); RSA and EC are";
                    return null;
            }
        }
        catch (ArgumentException)
        {
            error = $"{keyfile}: it is not the key of the certificate in {certfile}";
        }
        catch (CryptographicException)
        {
            // A wrong password is found by the padding, or passes for a key of another kind.
            error = encrypted ? $"{keyfile}: the password does not open it" : $"{keyfile}: the key in it can't be read, or is not the key of the certificate in {certfile}";
        }

        return null;
    }

    private static void Import(AsymmetricAlgorithm key, string block, string? password)
    {
        if (password is null)
            key.ImportFromPem(block);
        else
            key.ImportFromEncryptedPem(block, password);
    }

    // The first block that holds a private key: others may stand before it (certificates, EC PARAMETERS).
    private static string? KeyBlock(string text, out bool encrypted)
    {
        encrypted = false;
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            var label = rest[fields.Label];
            encrypted = label is "ENCRYPTED PRIVATE KEY";
            if (encrypted || label is "PRIVATE KEY" or "RSA PRIVATE KEY" or "EC PRIVATE KEY")
                return rest[fields.Location].ToString();
            rest = rest[fields.Location.End..];
        }

        return null;
    }

    private static CertificatePair? FromPkcs12(string certfile, string? keyfile, byte[] bytes, Secret? password, out string? error)
    {
        error = keyfile is null ? null : $"{certfile}: it is not PEM, and of PKCS#12, which holds the key itself, no keyfile can be given";
        if (error is not null)
            return null;
        try
        {
            var all = X509CertificateLoader.LoadPkcs12Collection(bytes, password?.Text);
            if (all.FirstOrDefault(each => each.HasPrivateKey) is { } leaf)
            {
                all.Remove(leaf);
                return new CertificatePair(leaf, all);
            }

            error = $"{certfile}: there is no private key in it";
        }
        catch (CryptographicException e)
        {
            error = e.HResult == WrongPassword
                ? $"{certfile}: the password does not open it (keyfile_password)"
                : $"{certfile}: it is neither PEM nor PKCS#12";
        }

        return null;
    }

    // ERROR_INVALID_PASSWORD, with which .NET tells a wrong password on every system.
    private const int WrongPassword = unchecked((int)0x80070056);

    // Windows and macOS do handshakes only with keys that have been through a store.
    private static CertificatePair Usable(X509Certificate2 leaf, X509Certificate2Collection chain) => new(
        OperatingSystem.IsLinux() ? leaf : X509CertificateLoader.LoadPkcs12(leaf.Export(X509ContentType.Pkcs12), null), chain);
}
