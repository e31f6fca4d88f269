namespace Waitress.Configuration;

/// <summary>The kinds that only the options of metrics, health and status use.</summary>
internal sealed partial record SettingKind
{
    /// <summary>An <see cref="Configuration.AdminAddress"/> in its one form; None and the empty text: none.</summary>
    public static readonly SettingKind AdminAddressOrNone = new("ADDRESS", "HOST:PORT, [IPV6]:PORT, a port alone, or unix:PATH", (object? given, out object? value) =>
    {
        value = null;
        if (given is null or "")
            return null;
        var text = given is long port ? RawValue.Plain(port) : (given as string)?.Trim() ?? "";
        value = AdminAddress.Parse(text)?.ToString();
        return value is null ? RawValue.Quote(given) : null;
    });

    /// <summary>A path of a URL as a client sends it; None and the empty text: none.</summary>
    public static readonly SettingKind UrlPathOrNone = new("PATH", "a path of visible ASCII characters that begins with /, without ? and #", (object? given, out object? value) =>
    {
        value = given is string { Length: > 0 } ? given : null;
        return given is null or "" || (given is string path && path[0] == '/' && path.All(c => c is > ' ' and <= '~' and not ('?' or '#'))) ? null : RawValue.Quote(given);
    });

    /// <summary>The base URL of a collector; None and the empty text: none.</summary>
    public static readonly SettingKind CollectorOrNone = new("URL", "http:// or https:// with a host, and maybe a port and a path; no user name, ? or #", (object? given, out object? value) =>
    {
        value = given is string { Length: > 0 } ? given : null;
        return given is null or "" || (given is string text && Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme is "http" or "https")
            && url.Host.Length > 0 && url.UserInfo.Length == 0 && !text.AsSpan().ContainsAny('?', '#', ' ')) ? null : RawValue.Quote(given);
    });
}
