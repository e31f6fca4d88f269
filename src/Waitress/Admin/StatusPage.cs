using System.Security.Cryptography;
using System.Text;

namespace Waitress.Admin;

/// <summary>
/// The page /status: one document made of the files in Page, which are resources of this assembly, and the policy that lets a browser run
/// exactly that script and that style (Content Security Policy Level 3, hashes), talk to this address alone and make nothing but text nodes of what it
/// gets (Trusted Types).
/// </summary>
internal static class StatusPage
{
    /// <summary>The same for everyone and always: the figures come from /status.json.</summary>
    public static AdminAnswer Answer { get; } = Make();

    private static AdminAnswer Make()
    {
        var (style, script) = (Read("status.css"), Read("parts.js") + Read("status.js"));
        var page = Read("status.html").Replace("<style></style>", $"<style>{style}</style>", StringComparison.Ordinal)
            .Replace("<script></script>", $"<script>{script}</script>", StringComparison.Ordinal);
        return new AdminAnswer(200, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(page))
        {
            Policy = $"default-src 'none'; script-src {Hash(script)}; style-src {Hash(style)}; img-src data:; connect-src 'self'; base-uri 'none'; "
                + "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        };
    }

    private static string Hash(string text) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'";

    // A browser hashes what its parser made of the page, whose lines end with LF, whatever the system ends them with on which this was built.
    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(StatusPage).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().Replace("\r\n", "\n", StringComparison.Ordinal);
    }
}
