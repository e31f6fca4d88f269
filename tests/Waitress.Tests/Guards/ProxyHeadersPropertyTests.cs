using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Configuration;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class ProxyHeadersPropertyTests
{
    private static readonly string[] Names =
        ["X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO", "X-Forwarded-Port", "X-Forwarded-By", "Forwarded"];

    private static readonly IPAddress Proxy = IPAddress.Parse("10.0.0.1");

    // Pieces that mean something to one of the parsers, and any Latin-1 text.
    private static readonly Gen<string> Value = Gen.OneOf(
        Gen.Elements("for=", "host=", "proto=", "https", "http", "443", "1.2.3.4", "[::1]", ":", "80", ",", ";", "\"", "\\", " ", "%", "_x", "a.b")
            .ListOf().Select(string.Concat),
        Gen.Choose(0, 255).Select(c => (char)c).ListOf().Select(string.Concat),
        Gen.Elements("1.2.3.4", "for=1.2.3.4;host=evil.example;proto=https", "https", "evil.example", "9"));

    private static readonly Arbitrary<List<(string Name, string Value)>> Headers = (
        from names in Gen.SubListOf(Names)
        from values in Value.ListOf(names.Count)
        select names.Zip(values).ToList()).ToArbitrary();

    private static HeaderList Received(IEnumerable<(string Name, string Value)> headers)
    {
        var received = new HeaderList();
        received.Add("Host", "inner");
        received.Add("Accept", "*/*");
        foreach (var (name, value) in headers) received.Add(name, value);
        return received;
    }

    private static Settings Trusting(string[] headers, int count) =>
        new() { TrustedProxy = ["10.0.0.1"], TrustedProxyCount = count, TrustedProxyHeaders = [.. headers] };

    [Fact]
    public void Apply_AnyHeadersOfAnUntrustedPeer_ChangeNothing()
    {
        ProxyHeaders[] all = [new(Trusting(Names[..5], 1)), new(Trusting(["forwarded"], 2)), new(new Settings())];
        Prop.ForAll(Headers, sent => all.All(proxies =>
        {
            var received = Received(sent);
            var view = new ClientView();
            return proxies.Apply(received, IPAddress.Parse("10.0.0.2"), view) is null
                && view is { RemoteAddr: null, RemotePort: null, Scheme: null, ServerName: null, ServerPort: null }
                && received.Proxy == ProxyHeader.None
                && received.Fields.ToArray().Select(f => (f.Key, f.Value.ToString())).SequenceEqual([("Host", "inner"), ("Accept", "*/*")]);
        })).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Apply_AnyHeadersOfATrustedPeer_GiveAValidViewOrA400()
    {
        ProxyHeaders[] all = [new(Trusting(Names[..5], 2)), new(Trusting(["forwarded"], 2))];
        Prop.ForAll(Headers, sent => all.All(proxies =>
        {
            var received = Received(sent);
            var view = new ClientView();
            if (proxies.Apply(received, Proxy, view) is { } refusal) return refusal.Status == 400 && view.Warnings.Count == 1;
            var host = HeaderList.Join(received.Fields[0].Value);
            return view.Scheme is null or "http" or "https"
                && (view.ServerPort is null || HttpText.TryPort(view.ServerPort, out _))
                && HostText.TryParse(host, out _, out _)
                && (view.RemoteAddr is null || view.RemoteAddr.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or ':' or '_' or '-' or '%'));
        })).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Apply_ForWithAnyHops_IsTheNthFromTheRightWhateverStandsLeft()
    {
        var hop = Gen.Choose(0, int.MaxValue).Select(n => new IPAddress(BitConverter.GetBytes(n)).ToString());
        var cases =
            from hops in hop.NonEmptyListOf()
            from count in Gen.Choose(1, 6)
            from separator in Gen.Elements(",", ", ", "\t,  ")
            select (hops.ToArray(), count, separator);
        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var (hops, count, separator) = one;
            var received = Received([("X-Forwarded-For", string.Join(separator, hops))]);
            var view = new ClientView();
            var refusal = new ProxyHeaders(Trusting(["x-forwarded-for"], count)).Apply(received, Proxy, view);
            var trusted = hops[^Math.Min(count, hops.Length)..];
            return refusal is null && view.RemoteAddr == trusted[0]
                && received.Value(ProxyHeader.XForwardedFor) == string.Join(separator, trusted);
        }).QuickCheckThrowOnFailure();
    }
}
