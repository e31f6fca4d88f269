using System.Collections.Concurrent;
using Waitress.CPython;

namespace Waitress.Wsgi;

/// <summary>
/// The keys of environ as interned Python strings, made once per server. Header names that are seen for the first time join
/// them, up to a bound: beyond it a client that invents names costs a string per request, not memory. Used attached;
/// the dictionary is concurrent because free-threaded builds attach several threads at once.
/// </summary>
internal sealed class EnvironKeys : IDisposable
{
    private const int MostHeaders = 1024;

    private readonly ConcurrentDictionary<string, PyPin?> _headers = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, PyPin> _known = new(StringComparer.Ordinal);
    private readonly List<PyPin> _pins = [];

    public EnvironKeys()
    {
        RequestMethod = Intern("REQUEST_METHOD");
        PathInfo = Intern("PATH_INFO");
        QueryString = Intern("QUERY_STRING");
        RequestUri = Intern("REQUEST_URI");
        ServerName = Intern("SERVER_NAME");
        ServerPort = Intern("SERVER_PORT");
        ServerProtocol = Intern("SERVER_PROTOCOL");
        RemoteAddr = Intern("REMOTE_ADDR");
        RemoteHost = Intern("REMOTE_HOST");
        RemotePort = Intern("REMOTE_PORT");
        ContentLength = Intern("CONTENT_LENGTH");
        UrlScheme = Intern("wsgi.url_scheme");
        Input = Intern("wsgi.input");
        Errors = Intern("wsgi.errors");
        ClientDisconnected = Intern("waitress.client_disconnected");
        Close = Intern("close");
    }

    public PyPin RequestMethod { get; }

    public PyPin PathInfo { get; }

    public PyPin QueryString { get; }

    public PyPin RequestUri { get; }

    public PyPin ServerName { get; }

    public PyPin ServerPort { get; }

    public PyPin ServerProtocol { get; }

    public PyPin RemoteAddr { get; }

    public PyPin RemoteHost { get; }

    public PyPin RemotePort { get; }

    public PyPin ContentLength { get; }

    public PyPin UrlScheme { get; }

    public PyPin Input { get; }

    public PyPin Errors { get; }

    public PyPin ClientDisconnected { get; }

    /// <summary>The attribute that iterables may have.</summary>
    public PyPin Close { get; }

    /// <summary>A key whose name comes from the server's own code, never from a client.</summary>
    public PyPin Known(string name) => _known.TryGetValue(name, out var key) ? key : _known.GetOrAdd(name, Intern);

    /// <summary>Sets a header in environ; one whose name holds an underscore is dropped (HeaderName). False: a Python error is set.</summary>
    public bool SetHeader(PyRef environ, string name, string value)
    {
        if (_headers.TryGetValue(name, out var known))
            return known is null || PyDicts.Set(environ, known.Ref, PyTexts.FromLatin1(value));
        var key = HeaderName.ToEnviron(name);
        if (_headers.Count >= MostHeaders)
            return key is null || PyDicts.Set(environ, key, PyTexts.FromLatin1(value));
        var added = key is null ? null : Intern(key);
        _headers[name] = added;
        return added is null || PyDicts.Set(environ, added.Ref, PyTexts.FromLatin1(value));
    }

    public void Dispose()
    {
        foreach (var pin in _pins)
            pin.Dispose();
    }

    private PyPin Intern(string key)
    {
        var pin = PyTexts.Intern(key).OrThrow().Pin();
        lock (_pins)
            _pins.Add(pin);
        return pin;
    }
}
