using System.Runtime.InteropServices;

namespace Waitress.Tls;

/// <summary>The system's OpenSSL, which .NET's TLS and cryptography use on Linux.</summary>
internal static class OpenSsl
{
    // The names that .NET's own search has (System.Security.Cryptography.Native, opensslshim.c), newest first.
    private static readonly string[] Names = ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0"];

    /// <summary>Why there can be no TLS, or null. To be asked first: .NET ends the process where it needs the library and finds none.</summary>
    public static string? Problem()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE") is { Length: > 0 })
            return null;
        foreach (var name in Names)
        {
            if (NativeLibrary.TryLoad(name, out _))
                return null; // Left loaded, since .NET is about to load it.
        }

        return "certfile: TLS needs the system's OpenSSL (libssl.so.3), which is not installed";
    }
}
