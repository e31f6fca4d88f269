using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Waitress.Configuration;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class ProxyHeadersTests
{
    private const string AllX = "x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-by";
    private static readonly IPAddress Proxy = IPAddress.Parse("10.0.0.1");

    private readonly HeaderList _received = new();
    private readonly ClientView _view = new();

    private static Settings Trusting(string headers, int count = 1) =>
        new() { TrustedProxy = ["10.0.0.1"], TrustedProxyCount = count, TrustedProxyHeaders = [.. headers.Split(' ')] };

    private Refusal? Apply(Settings settings, IPAddress? peer, params (string Name, string Value)[] headers)
    {
        var sent = new HeaderDictionary { ["Host"] = "inner:8080" };
        foreach (var (name, value) in headers) sent[name] = StringValues.Concat(sent[name], value);
        Assert.Null(new RequestGuard(settings).Check("GET", "/", "HTTP/1.1", sent, _received));
        return new ProxyHeaders(settings).Apply(_received, peer, _view);
    }

    private string? Seen(string name)
    {
        foreach (var field in _received.Fields)
            if (field.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
                return HeaderList.Join(field.Value);
        return null;
    }

    [Theory]
    [InlineData(1, "203.0.113.1", "203.0.113.1")]
    [InlineData(2, "198.51.100.2", "198.51.100.2, 203.0.113.1")]
    [InlineData(3, "192.0.2.1", "192.0.2.1, 198.51.100.2, 203.0.113.1")]
    [InlineData(9, "192.0.2.1", "192.0.2.1, 198.51.100.2, 203.0.113.1")]
    public void Apply_For_TakesTheCountthFromTheRightAndCutsTheRest(int count, string client, string kept)
    {
        Assert.Null(Apply(Trusting(AllX, count), Proxy, ("X-Forwarded-For", "192.0.2.1, 198.51.100.2, 203.0.113.1")));
        Assert.Equal((client, null), (_view.RemoteAddr, _view.RemotePort));
        Assert.Equal(kept, Seen("X-Forwarded-For"));
    }

    [Fact]
    public void Apply_ForOnTwoLines_CountsAcrossThem()
    {
        Assert.Null(Apply(Trusting(AllX, 2), Proxy, ("X-Forwarded-For", "6.6.6.6, 192.0.2.1:9"), ("X-Forwarded-For", "203.0.113.1")));
        Assert.Equal(("192.0.2.1", "9"), (_view.RemoteAddr, _view.RemotePort));
        Assert.Equal("192.0.2.1:9, 203.0.113.1", Seen("X-Forwarded-For"));
    }

    // Name and port of the host as seen by the app, from host, proto and port as sent.
    [Theory]
    [InlineData("example.com:8080", "http", null, "example.com", "8080", "example.com:8080")]
    [InlineData("example.com", "http", null, "example.com", "80", "example.com")]
    [InlineData("example.com", "http", "8080", "example.com", "8080", "example.com:8080")]
    [InlineData("old.example, example.org", "HTTPS", "8080", "example.org", "8080", "example.org:8080")]
    [InlineData("example.com", "https", "80", "example.com", "80", "example.com:80")]
    [InlineData("example.com", "http", "443", "example.com", "443", "example.com:443")]
    [InlineData("example.com", "https", "443", "example.com", "443", "example.com")]
    [InlineData("example.com:1", "https", "443", "example.com", "1", "example.com:1")]
    [InlineData("example.com", null, "80", "example.com", "80", "example.com")]
    [InlineData("example.com", null, null, "example.com", null, "example.com")]
    [InlineData("\"example.com\"", "\"https\"", "\"0443\"", "example.com", "443", "example.com")]
    [InlineData("[::1]:8443", "https", null, "[::1]", "8443", "[::1]:8443")]
    [InlineData("example.com:", "https", null, "example.com", "443", "example.com")]
    [InlineData(null, "https", null, null, "443", "inner:8080")]
    [InlineData(null, null, "8443", null, "8443", "inner:8080")]
    [InlineData("", "", "", null, null, "inner:8080")]
    public void Apply_HostProtoPort_AgreeAsInWaitress(string? host, string? proto, string? port, string? name, string? serverPort, string seen)
    {
        var sent = new[] { ("X-Forwarded-Host", host), ("X-Forwarded-Proto", proto), ("X-Forwarded-Port", port) };
        Assert.Null(Apply(Trusting(AllX), Proxy, [.. sent.Where(h => h.Item2 is not null).Select(h => (h.Item1, h.Item2!))]));
        Assert.Equal((name, serverPort, seen), (_view.ServerName, _view.ServerPort, Seen("Host")));
        Assert.Equal(string.IsNullOrEmpty(proto) ? null : proto.Trim('"').ToLowerInvariant(), _view.Scheme);
    }

    [Fact]
    public void Apply_DefaultPortOfTheSchemeInTheSettings_IsNotAppended()
    {
        Assert.Null(Apply(Trusting(AllX) with { UrlScheme = "https" }, Proxy, ("X-Forwarded-Host", "a.example"), ("X-Forwarded-Port", "443")));
        Assert.Equal("a.example", Seen("Host"));
    }

    [Fact]
    public void Apply_HostOnRequestWithoutOne_AddsIt()
    {
        Assert.Null(new RequestGuard(new()).Check("GET", "/", "HTTP/1.0", new HeaderDictionary { ["X-Forwarded-Host"] = "a.example" }, _received));
        Assert.Null(new ProxyHeaders(Trusting(AllX)).Apply(_received, Proxy, _view));
        Assert.Equal("a.example", Seen("Host"));
    }

    [Fact]
    public void Apply_Forwarded_SetsEverythingAndCutsTheHeader()
    {
        Assert.Null(Apply(Trusting("forwarded", 2), Proxy,
            ("Forwarded", "for=6.6.6.6;host=fake.example, for=\"[2001:db8::1]:3821\";host=\"Example.com:8443\";proto=\"https\", for=192.0.2.1;host=in"),
            ("X-Forwarded-For", "7.7.7.7")));
        Assert.Equal(("2001:db8::1", "3821"), (_view.RemoteAddr, _view.RemotePort));
        Assert.Equal(("example.com", "8443", "https"), (_view.ServerName, _view.ServerPort, _view.Scheme));
        Assert.Equal("example.com:8443", Seen("Host"));
        Assert.Equal("for=\"[2001:db8::1]:3821\";host=\"Example.com:8443\";proto=\"https\", for=192.0.2.1;host=in", Seen("Forwarded"));
        Assert.Null(Seen("X-Forwarded-For"));
    }

    [Fact]
    public void Apply_ForwardedUnknownParameter_IsLogged()
    {
        Assert.Null(Apply(Trusting("forwarded"), Proxy, ("Forwarded", "for=192.0.2.1;unheard=\"of\"")));
        Assert.Equal("192.0.2.1", _view.RemoteAddr);
        Assert.Contains("unheard", Assert.Single(_view.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "\"1.2.3.4")]
    [InlineData("X-Forwarded-For", "\"open, 1.2.3.4")]
    [InlineData("X-Forwarded-For", "1.2.3.4:http")]
    [InlineData("X-Forwarded-For", "a b")]
    [InlineData("X-Forwarded-Host", "\"foo")]
    [InlineData("X-Forwarded-Host", "a/b")]
    [InlineData("X-Forwarded-Host", ":80")]
    [InlineData("X-Forwarded-Proto", "http, https")]
    [InlineData("X-Forwarded-Proto", "ftp")]
    [InlineData("X-Forwarded-Proto", "http://p.example?url=http")]
    [InlineData("X-Forwarded-Port", "443, 80")]
    [InlineData("X-Forwarded-Port", "abc")]
    [InlineData("X-Forwarded-Port", "65536")]
    [InlineData("X-Forwarded-Port", "-1")]
    [InlineData("Forwarded", "For")]
    [InlineData("Forwarded", "for=1.2.3.4; proto =https")]
    [InlineData("Forwarded", "proto=ftp")]
    [InlineData("Forwarded", "host=\"a b\"")]
    [InlineData("Forwarded", "for=1.2.3.4.5")]
    public void Apply_Malformed_Is400NamingTheHeader(string name, string value)
    {
        var refusal = Apply(Trusting(name == "Forwarded" ? "forwarded" : AllX), Proxy, ("X-Forwarded-By", "p"), (name, value));
        Assert.Equal((400, $"Header \"{name}\" malformed."), (refusal?.Status, refusal?.Detail));
        var warning = Assert.Single(_view.Warnings);
        Assert.Contains(name, warning, StringComparison.Ordinal);
        Assert.Contains("10.0.0.1", warning, StringComparison.Ordinal);
        Assert.Null(_view.RemoteAddr);
    }

    [Fact]
    public void Apply_MalformedButUntrusted_IsJustRemoved()
    {
        Assert.Null(Apply(Trusting("x-forwarded-for"), Proxy, ("X-Forwarded-Proto", "ftp"), ("Forwarded", "\"")));
        Assert.Null(Apply(Trusting(AllX), IPAddress.Loopback, ("X-Forwarded-Proto", "ftp"), ("Forwarded", "\"")));
        Assert.Equal(ProxyHeader.None, _received.Proxy);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Apply_Untrusted_RemovedAndLoggedAsSet(bool clear, bool log)
    {
        var settings = Trusting("x-forwarded-by") with { ClearUntrustedProxyHeaders = clear, LogUntrustedProxyHeaders = log };
        Assert.Null(Apply(settings, Proxy, ("x-forwarded-for", "1.2.3.4"), ("X-Forwarded-By", "me"), ("forwarded", "for=1.2.3.4"), ("X-Other", "1")));
        Assert.Equal(("me", "1"), (Seen("X-Forwarded-By"), Seen("X-Other")));
        Assert.Equal(clear ? null : "1.2.3.4", Seen("X-Forwarded-For"));
        Assert.Null(_view.RemoteAddr);
        if (clear && log) Assert.Contains("(X-Forwarded-For, Forwarded)", Assert.Single(_view.Warnings), StringComparison.Ordinal);
        else Assert.Empty(_view.Warnings);
    }

    [Fact]
    public void Apply_UnixPeer_TrustedAsLocalhost()
    {
        Assert.Null(Apply(Trusting(AllX) with { TrustedProxy = ["localhost"] }, null, ("X-Forwarded-For", "unknown")));
        Assert.Equal("unknown", _view.RemoteAddr);
    }

    [Fact]
    public void Apply_NoProxyHeaders_AllocatesNothing()
    {
        var proxies = new ProxyHeaders(Trusting(AllX));
        Assert.Null(Apply(Trusting(AllX), Proxy, ("Accept", "*/*")));
        proxies.Apply(_received, Proxy, _view);
        var before = GC.GetAllocatedBytesForCurrentThread();
        proxies.Apply(_received, Proxy, _view);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void ProxyHeaders_SettingsThatTrustTooMuch_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ProxyHeaders(Trusting(AllX, 0)));
        Assert.Throws<ArgumentException>(() => new ProxyHeaders(Trusting("x-real-ip")));
    }
}
