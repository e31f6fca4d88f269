using System.Globalization;
using System.Net;
using Waitress.Configuration;

namespace Waitress.Guards;

/// <summary>
/// Lets a trusted proxy say who its client is, and nobody else. Waitress's rules (`trusted_proxy*`), with its parsing slips
/// mended: `[v6]:port`, `::ffff:1.2.3.4`, quoted commas, ports and hosts that are none. Immutable; runs on the connection's thread.
/// </summary>
internal sealed class ProxyHeaders
{
    // A log line must stay readable, whatever the client sent.
    private const int LoggedValue = 200;

    private static readonly Refusal[] Malformed = [.. Enumerable.Range(0, ProxyHeaderNames.Count).Select(i =>
        Refusal.BadRequest.Because($"Header \"{ProxyHeaderNames.Name((ProxyHeader)(1 << i))}\" malformed."))];

    private readonly TrustedProxies _proxies;
    private readonly ProxyHeader _trusted;
    private readonly int _count;
    private readonly bool _clear;
    private readonly bool _log;
    private readonly string _urlScheme;

    /// <exception cref="ArgumentException">Settings that SettingsReader refuses: an unknown header name, a count below 1.</exception>
    /// <exception cref="FormatException">A trusted proxy that is no address.</exception>
    public ProxyHeaders(Settings settings)
    {
        // Waitress takes 0 for the whole chain, the client's own words included.
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.TrustedProxyCount, 1);
        _proxies = new TrustedProxies(settings.TrustedProxy);
        foreach (var name in settings.TrustedProxyHeaders)
        {
            var header = ProxyHeaderNames.Read(name);
            _trusted |= header != ProxyHeader.None ? header : throw new ArgumentException($"'{name}' is no proxy header", nameof(settings));
        }
        _count = settings.TrustedProxyCount;
        _clear = settings.ClearUntrustedProxyHeaders;
        _log = settings.LogUntrustedProxyHeaders;
        _urlScheme = settings.UrlScheme;
    }

    /// <summary>
    /// Reads the proxy headers of a request. Afterwards <paramref name="received"/> holds what the app may see: untrusted
    /// ones taken out (when so set), trusted lists cut to their trusted part, Host as the proxy says; <paramref name="view"/> holds the rest.
    /// Allocates nothing when the request has none of the six.
    /// </summary>
    /// <param name="received">Filled by <see cref="RequestGuard"/>.</param>
    /// <param name="peer">The other end of the connection; null for a unix socket.</param>
    /// <param name="view">Cleared and filled. Its warnings are to be logged, whatever is returned.</param>
    /// <returns>A 400 that names the header when a trusted proxy sent a malformed one, else null.</returns>
    public Refusal? Apply(HeaderList received, IPAddress? peer, ClientView view)
    {
        view.Clear();
        if (received.Proxy == ProxyHeader.None) return null;

        var believed = received.Proxy & _trusted;
        if (believed != ProxyHeader.None && !_proxies.Trusts(peer)) believed = ProxyHeader.None;
        if (believed != ProxyHeader.None && Believe(received, believed, view) is { } slip)
        {
            var value = received.Value(slip.Header) ?? "";
            if (value.Length > LoggedValue) value = string.Concat(value.AsSpan(0, LoggedValue), "…");
            view.Clear();
            view.Warn($"Malformed proxy header \"{ProxyHeaderNames.Name(slip.Header)}\" from \"{(peer is null ? "localhost" : ClientAddress.Plain(peer))}\": "
                + $"{slip.Reason}; value: {value}");
            return Malformed[ProxyHeaderNames.Index(slip.Header)];
        }

        var untrusted = received.Proxy & ~believed;
        if (untrusted == ProxyHeader.None || !_clear) return null;
        if (_log) view.Warn($"Removed untrusted headers ({ProxyHeaderNames.List(untrusted)}); the proxy in front should remove them");
        received.Remove(untrusted);
        return null;
    }

    private Slip? Believe(HeaderList received, ProxyHeader believed, ClientView view)
    {
        var claim = new Claim();
        var slip = received.Value(believed & ProxyHeader.Forwarded) is { Length: > 0 } forwarded
            ? ReadForwarded(forwarded, received, view, ref claim)
            : ReadXForwarded(received, believed, ref claim);
        return slip ?? Resolve(claim, received, view);
    }

    private Slip? ReadForwarded(string text, HeaderList received, ClientView view, ref Claim claim)
    {
        if (ForwardedHeader.Parse(text, _count, out var header) is { } reason) return new(ProxyHeader.Forwarded, reason);
        if (header.UnknownName is { } name)
            view.Warn($"Unknown Forwarded parameter: {(name.Length > LoggedValue ? name[..LoggedValue] : name)}");
        if (header.TrustedStart > 0) received.Set("Forwarded", text[header.TrustedStart..]);
        claim = new Claim
        {
            Client = (ProxyHeader.Forwarded, header.For ?? ""),
            Host = (ProxyHeader.Forwarded, header.Host ?? ""),
            Proto = (ProxyHeader.Forwarded, header.Proto ?? ""),
        };
        return null;
    }

    private Slip? ReadXForwarded(HeaderList received, ProxyHeader believed, ref Claim claim)
    {
        claim.Client.From = ProxyHeader.XForwardedFor;
        claim.Host.From = ProxyHeader.XForwardedHost;
        claim.Proto.From = ProxyHeader.XForwardedProto;
        return ReadHops(received, believed & ProxyHeader.XForwardedFor, ref claim.Client.Text)
            ?? ReadHops(received, believed & ProxyHeader.XForwardedHost, ref claim.Host.Text)
            ?? ReadOne(received, believed & ProxyHeader.XForwardedProto, ref claim.Proto.Text)
            ?? ReadOne(received, believed & ProxyHeader.XForwardedPort, ref claim.Port);
    }

    /// <summary>
    /// Takes the element that the outermost trusted proxy added: the count-th from the right, or the left-most when there are fewer.
    /// What stands left of it is the client's own and leaves the header, so that no framework picks it up again.
    /// </summary>
    private Slip? ReadHops(HeaderList received, ProxyHeader header, ref string? text)
    {
        if (received.Value(header) is not { } list) return null;
        var untrusted = list.AsSpan().Count(',') + 1 - _count;
        foreach (var range in list.AsSpan().Split(','))
        {
            var element = list.AsSpan(range).Trim(HttpText.Blanks);
            if (!HttpText.TryUnquote(element, out var plain)) return new(header, "wrong quoting");
            if (untrusted-- > 0 || text is not null) continue;
            text = plain;
            if (range.Start.Value > 0)
                received.Set(ProxyHeaderNames.Name(header), list.AsSpan(range.Start.Value).Trim(HttpText.Blanks).ToString());
        }
        return null;
    }

    private static Slip? ReadOne(HeaderList received, ProxyHeader header, ref string? text)
    {
        if (received.Value(header) is not { } value) return null;
        if (!HttpText.TryUnquote(value, out var plain)) return new(header, "wrong quoting");
        if (plain.Contains(',')) return new(header, "more than one value");
        text = plain;
        return null;
    }

    private Slip? Resolve(in Claim claim, HeaderList received, ClientView view)
    {
        string? scheme = null, port = null, address = null, clientPort = null;
        if (claim.Proto.Text is { Length: > 0 } proto)
        {
            scheme = proto.ToLowerInvariant() switch { "http" => "http", "https" => "https", _ => null };
            if (scheme is null) return new(claim.Proto.From, "neither http nor https");
            port = DefaultPort(scheme);
        }
        if (claim.Port is { Length: > 0 } portText)
        {
            if (!HttpText.TryPort(portText, out var number)) return new(ProxyHeader.XForwardedPort, "not a port");
            port = number.ToString(CultureInfo.InvariantCulture);
        }
        string? host = null, name = null;
        if (claim.Host.Text is { Length: > 0 } hostText)
        {
            if (!HostText.TryParse(hostText, out var bare, out var hostPort) || bare.IsEmpty) return new(claim.Host.From, "not a host");
            name = bare.ToString();
            host = hostText.EndsWith(':') ? name : hostText;
            // A port with the host is what the client typed; it wins over the others.
            if (hostPort >= 0) port = hostPort.ToString(CultureInfo.InvariantCulture);
            else if (port is not null && port != DefaultPort(scheme ?? _urlScheme)) host = $"{name}:{port}";
        }
        if (claim.Client.Text is { Length: > 0 } client && !ClientAddress.TryParse(client, out address, out clientPort))
            return new(claim.Client.From, "not an address");

        view.Scheme = scheme;
        view.ServerPort = port;
        view.ServerName = name;
        view.RemoteAddr = address;
        view.RemotePort = clientPort;
        if (host is not null) received.Set("Host", host);
        return null;
    }

    private static string? DefaultPort(string scheme) => scheme switch { "http" => "80", "https" => "443", _ => null };

    /// <summary>What is wrong with which header.</summary>
    private readonly record struct Slip(ProxyHeader Header, string Reason);

    /// <summary>What the proxy said, not yet checked; each text with the header to blame.</summary>
    private struct Claim
    {
        public (ProxyHeader From, string? Text) Client;
        public (ProxyHeader From, string? Text) Host;
        public (ProxyHeader From, string? Text) Proto;
        public string? Port;
    }
}
