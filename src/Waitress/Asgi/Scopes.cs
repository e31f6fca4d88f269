using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Http;
using Waitress.Wsgi;

namespace Waitress.Asgi;

/// <summary>
/// The connection scope of a request (ASGI HTTP specification 2.5). What never changes is a template that each request copies; dicts in it that
/// an app may change are copied as well. Attached, on the loop's thread; a null result means that a Python error is set.
/// </summary>
internal sealed partial class Scopes : IDisposable
{
    // Names that clients invent cost a bytes object per request beyond this, not memory.
    private const int MostNames = 1024;

    // The addresses of clients that keep their connections; when there are more, all are forgotten and made anew.
    private const int MostPeers = 4096;

    private readonly LoopSide _side;
    private readonly Settings _settings;
    private readonly List<PyPin> _pins = [];
    private readonly Dictionary<string, PyPin> _names = [];
    private readonly Dictionary<string, PyPin> _texts = [];
    private readonly Dictionary<PeerAddress, PyPin> _clients = new(ReferenceEqualityComparer.Instance); // Each connection has one object.
    private readonly Dictionary<(string, string), PyPin> _servers = [];
    private readonly PyPin _template, _webSocket, _asgi, _extensions, _streamExtensions, _denial;
    private readonly PyPin _asgiKey, _extensionsKey, _version, _method, _scheme, _path, _rawPath, _query, _headers, _client, _server, _state, _tls;

    public Scopes(LoopSide side, Settings settings)
    {
        (_side, _settings) = (side, settings);
        (_asgiKey, _extensionsKey, _version) = (Intern("asgi"), Intern("extensions"), Intern("http_version"));
        (_method, _scheme, _path, _rawPath) = (Intern("method"), Intern("scheme"), Intern("path"), Intern("raw_path"));
        (_query, _headers, _client, _server, _state) = (Intern("query_string"), Intern("headers"), Intern("client"), Intern("server"), Intern("state"));
        _tls = Intern("tls");
        using var asgi = PyDicts.New().OrThrow();
        Require(PyDicts.Set(asgi, "version", PyTexts.FromText("3.0")) && PyDicts.Set(asgi, "spec_version", PyTexts.FromText("2.5")));
        _asgi = Keep(asgi.Borrow().New());
        using var extensions = PyDicts.New().OrThrow();
        Require(PyDicts.Set(extensions, "http.response.pathsend", PyDicts.New()));
        _extensions = Keep(extensions.Borrow().New());
        using var ofStreams = PyDicts.Copy(_extensions.Ref).OrThrow();
        // HTTP/1.1 answers have no trailers here. And a 103 on HTTP/1.1 is for nobody: browsers pass over it, and nginx before 1.29 takes it for the answer.
        Require(PyDicts.Set(ofStreams, "http.response.trailers", PyDicts.New()) && PyDicts.Set(ofStreams, "http.response.early_hint", PyDicts.New()));
        _streamExtensions = Keep(ofStreams.Borrow().New());
        using var ofSockets = PyDicts.New().OrThrow();
        Require(PyDicts.Set(ofSockets, "websocket.http.response", PyDicts.New()));
        _denial = Keep(ofSockets.Borrow().New());
        using var scope = PyDicts.New().OrThrow();
        Require(PyDicts.Set(scope, "type", PyTexts.FromText("http")) && PyDicts.Set(scope, "http_version", PyTexts.FromText("1.1"))
            && PyDicts.Set(scope, "method", PyTexts.FromText("GET")) && PyDicts.Set(scope, "scheme", PyTexts.FromText(settings.UrlScheme))
            && PyDicts.Set(scope, "root_path", PyTexts.FromText(settings.UrlPrefix)));
        RequireKeys(scope, _asgiKey, _path, _rawPath, _query, _headers, _client, _server, _extensionsKey);
        _template = Keep(scope.Borrow().New());
        using var webSocket = PyDicts.New().OrThrow();
        Require(PyDicts.Set(webSocket, "type", PyTexts.FromText("websocket")) && PyDicts.Set(webSocket, "http_version", PyTexts.FromText("1.1"))
            && PyDicts.Set(webSocket, "root_path", PyTexts.FromText(settings.UrlPrefix)));
        _webSocket = Keep(webSocket.Borrow().New());
    }

    /// <summary>A new scope for the request.</summary>
    public PyNew Build(Exchange exchange)
    {
        using var scope = PyDicts.Copy(_template.Ref);
        var made = !scope.IsNull
            && PyDicts.Set(scope, _asgiKey.Ref, PyDicts.Copy(_asgi.Ref))
            && PyDicts.Set(scope, _extensionsKey.Ref, Extensions(exchange.IsMultiplexed ? _streamExtensions : _extensions, exchange))
            && (_side.State.Ref.IsNone || PyDicts.Set(scope, _state.Ref, PyDicts.Copy(_side.State.Ref)))
            && SetLine(scope, exchange) && SetPeers(scope, exchange) && PyDicts.Set(scope, _headers.Ref, Headers(exchange));
        return made ? scope.Move() : default;
    }

    /// <summary>A new scope for a WebSocket.</summary>
    public PyNew BuildWebSocket(Exchange exchange)
    {
        using var scope = PyDicts.Copy(_webSocket.Ref);
        var scheme = (exchange.Client.Scheme ?? _settings.UrlScheme) == "https" ? "wss" : "ws";
        var made = !scope.IsNull
            && PyDicts.Set(scope, _asgiKey.Ref, PyDicts.Copy(_asgi.Ref))
            && PyDicts.Set(scope, _extensionsKey.Ref, Extensions(_denial, exchange))
            && (_side.State.Ref.IsNone || PyDicts.Set(scope, _state.Ref, PyDicts.Copy(_side.State.Ref)))
            && SetTarget(scope, exchange) && SetText(scope, _scheme, scheme)
            && SetPeers(scope, exchange) && PyDicts.Set(scope, _headers.Ref, Headers(exchange))
            && PyDicts.Set(scope, "subprotocols", Subprotocols(exchange));
        return made ? scope.Move() : default;
    }

    public void Dispose()
    {
        foreach (var pin in _pins)
            pin.Dispose();
        foreach (var pin in _names.Values.Concat(_texts.Values).Concat(_servers.Values).Concat(_clients.Values).Concat(_sessions.Values))
            pin.Dispose();
    }

    // With room for all keys from the start, the copy of a request never grows.
    private static void RequireKeys(PyRef scope, params ReadOnlySpan<PyPin> keys)
    {
        foreach (var key in keys)
            Require(PyDicts.Set(scope, key.Ref, Singletons.NewNone()));
    }

    private static PyNew Subprotocols(Exchange exchange)
    {
        using var list = PySequences.NewList();
        foreach (var name in exchange.Request.Headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol"))
        {
            if (list.IsNull || !PySequences.Append(list, PyTexts.FromLatin1(name)))
                return default;
        }

        return list.Move();
    }

    private bool SetLine(PyRef scope, Exchange exchange) =>
        SetText(scope, _method, exchange.Request.Method)
        && SetTarget(scope, exchange)
        && (exchange.Client.Scheme is not { } scheme || SetText(scope, _scheme, scheme));

    private bool SetTarget(PyRef scope, Exchange exchange)
    {
        var request = exchange.Request;
        var target = RequestTarget.Parse(request.RawTarget, "");
        var end = request.RawTarget.AsSpan().IndexOfAny('?', '#');
        var rawPath = end < 0 ? request.RawTarget : request.RawTarget[..end];
        return (request.Protocol == "HTTP/1.1" || SetText(scope, _version, request.Protocol == "HTTP/2" ? "2" : request.Protocol["HTTP/".Length..]))
            && PyDicts.Set(scope, _path.Ref, Path(target.PathInfo))
            && PyDicts.Set(scope, _rawPath.Ref, Bytes(rawPath))
            && PyDicts.Set(scope, _query.Ref, Bytes(target.QueryString));
    }

    // The whole path, the prefix included (ASGI: root_path is where in it the app is mounted), also where a proxy has taken that off.
    private PyNew Path(string decoded)
    {
        var prefix = _settings.UrlPrefix;
        var isWithin = decoded.StartsWith(prefix, StringComparison.Ordinal) && (decoded.Length == prefix.Length || prefix.Length == 0 || decoded[prefix.Length] == '/');
        var path = isWithin ? decoded : prefix + decoded;
        return Ascii.IsValid(path) ? PyTexts.FromLatin1(path) : PyTexts.FromUtf8(Encoding.Latin1.GetBytes(path));
    }

    private bool SetPeers(PyRef scope, Exchange exchange)
    {
        var view = exchange.Client;
        using var client = view.RemoteAddr is { } host ? Pair(host, view.RemotePort) : Client(exchange.Peer);
        using var server = view.ServerName is null && view.ServerPort is null
            ? Server(exchange)
            : Pair(view.ServerName ?? exchange.LocalHost, view.ServerPort ?? (exchange.IsLocalPath ? null : exchange.LocalPort));
        return !client.IsNull && !server.IsNull && PyDicts.Set(scope, _client.Ref, client.Borrow()) && PyDicts.Set(scope, _server.Ref, server.Borrow());
    }

    private PyNew Client(PeerAddress peer)
    {
        if (peer.Address is null)
            return Singletons.NewNone();
        if (_clients.TryGetValue(peer, out var known))
            return known.Ref.New();
        using var made = Pair(peer.Host, peer.Port);
        if (!made.IsNull)
            Remember(_clients, MostPeers, peer, made);
        return made.Move();
    }

    private static void Remember<T>(Dictionary<T, PyPin> known, int most, T key, PyRef made)
        where T : class
    {
        if (known.Count >= most)
        {
            foreach (var pin in known.Values)
                pin.Dispose();
            known.Clear();
        }

        known[key] = made.Pin();
    }

    // As many as there are addresses to listen on; where one stands for many (0.0.0.0), as the host has.
    private PyNew Server(Exchange exchange)
    {
        var key = (exchange.LocalHost, exchange.LocalPort);
        if (_servers.TryGetValue(key, out var known))
            return known.Ref.New();
        using var made = Pair(exchange.LocalHost, exchange.IsLocalPath ? null : exchange.LocalPort);
        if (!made.IsNull && _servers.Count < MostNames)
            _servers[key] = made.Borrow().Pin();
        return made.Move();
    }

    private static PyNew Pair(string host, string? port) => PySequences.Pair(
        PyTexts.FromText(host), int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? PyNumbers.From((long)number) : Singletons.NewNone());

    private PyNew Headers(Exchange exchange)
    {
        using var list = PySequences.NewList();
        foreach (var (name, lines) in exchange.Received.Fields)
        {
            foreach (var line in lines)
            {
                if (list.IsNull || !PySequences.Append(list, PySequences.Pair(Name(name), Bytes(line ?? ""))))
                    return default;
            }
        }

        return list.Move();
    }

    private PyNew Name(string name)
    {
        if (_names.TryGetValue(name, out var known))
            return known.Ref.New();
        using var made = Bytes(name.ToLowerInvariant());
        if (!made.IsNull && _names.Count < MostNames)
            _names[name] = made.Borrow().Pin();
        return made.Move();
    }

    private bool SetText(PyRef scope, PyPin key, string text)
    {
        using var made = Text(text);
        return !made.IsNull && PyDicts.Set(scope, key.Ref, made.Borrow());
    }

    private PyNew Text(string text)
    {
        if (_texts.TryGetValue(text, out var known))
            return known.Ref.New();
        using var made = PyTexts.FromLatin1(text);
        if (!made.IsNull && _texts.Count < MostNames)
            _texts[text] = made.Borrow().Pin();
        return made.Move();
    }

    // Kestrel reads header bytes as Latin-1, so each character is one of them.
    private static PyNew Bytes(string text)
    {
        const int onStack = 512;
        if (text.Length <= onStack)
        {
            Span<byte> narrow = stackalloc byte[onStack];
            return PyBytes.From(narrow[..Encoding.Latin1.GetBytes(text, narrow)]);
        }

        var rented = ArrayPool<byte>.Shared.Rent(text.Length);
        var made = PyBytes.From(rented.AsSpan(0, Encoding.Latin1.GetBytes(text, rented)));
        ArrayPool<byte>.Shared.Return(rented);
        return made;
    }

    private PyPin Intern(string key) => Keep(PyTexts.Intern(key));

    private PyPin Keep(PyNew value)
    {
        using var owned = value.OrThrow();
        var pin = owned.Pin();
        _pins.Add(pin);
        return pin;
    }

    private static void Require(bool done)
    {
        if (!done)
            throw PythonException.Take();
    }
}
