using System.Collections.Concurrent;
using System.Globalization;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Wsgi;

/// <summary>
/// The environ of PEP 3333 with Waitress's keys. What never changes is a template that each request copies; only what differs is
/// set. All methods run attached; a null or false result means that a Python error is set (memory).
/// </summary>
internal sealed class Environ : IDisposable
{
    // What nearly every request has, made before a client can fill the table with its inventions.
    private static readonly string[] Usual =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HTTP/1.0", "http", "https", "80", "443"];

    // Room for more methods and the ports that the server listens on.
    private const int MostConstants = 64;

    private readonly PythonSide _python;
    private readonly Settings _settings;
    private readonly PyPin _template;
    private readonly ConcurrentDictionary<string, PyPin> _constants = new();

    public Environ(PythonSide python, Settings settings)
    {
        _python = python;
        _settings = settings;
        using var dict = PyDicts.New().OrThrow();
        Require(PyDicts.Set(dict, "REQUEST_METHOD", Text("GET")));
        Require(PyDicts.Set(dict, "SERVER_PORT", Text("")));
        Require(PyDicts.Set(dict, "SERVER_NAME", Text(settings.ServerName)));
        Require(PyDicts.Set(dict, "SERVER_SOFTWARE", Text(settings.Ident ?? "")));
        Require(PyDicts.Set(dict, "SERVER_PROTOCOL", Text("HTTP/1.1")));
        Require(PyDicts.Set(dict, "SCRIPT_NAME", Text(settings.UrlPrefix)));
        if (settings.Tls)
            Require(PyDicts.Set(dict, "HTTPS", Text("on")));
        Require(PyDicts.Set(dict, "wsgi.version", PySequences.Pair(PyNumbers.From(1), PyNumbers.From(0))));
        Require(PyDicts.Set(dict, "wsgi.url_scheme", Text(settings.UrlScheme)));
        Require(PyDicts.Set(dict, "wsgi.multithread", PyNumbers.From(true)));
        Require(PyDicts.Set(dict, "wsgi.multiprocess", PyNumbers.From(settings.Interpreters > 1)));
        Require(PyDicts.Set(dict, "wsgi.run_once", PyNumbers.From(false)));
        Require(PyDicts.Set(dict, "wsgi.input_terminated", PyNumbers.From(true)));
        Require(PyDicts.Set(dict, "wsgi.file_wrapper", python.FileWrapper.Ref.New()));
        _template = dict.Borrow().Pin();
        foreach (var text in Usual)
        {
            using var made = Text(text).OrThrow();
            _constants[text] = made.Pin();
        }
    }

    public EnvironKeys Keys { get; } = new();

    /// <summary>A new environ for the request, its input stream included.</summary>
    public PyNew Build(AppCall call, PyRef input)
    {
        var exchange = call.Exchange;
        var environ = PyDicts.Copy(_template.Ref);
        if (!environ.IsNull && SetLine(environ, exchange) && SetClient(environ, exchange) && SetTls(environ, exchange) && SetHeaders(environ, exchange)
            && SetStreams(environ, call, input))
            return environ;
        environ.Dispose();
        return default;
    }

    public void Dispose()
    {
        _template.Dispose();
        Keys.Dispose();
        foreach (var constant in _constants.Values)
            constant.Dispose();
    }

    private bool SetLine(PyRef environ, Exchange exchange)
    {
        var request = exchange.Request;
        var target = RequestTarget.Parse(request.RawTarget, _settings.UrlPrefix);
        return SetConstant(environ, Keys.RequestMethod, request.Method)
            && PyDicts.Set(environ, Keys.PathInfo.Ref, PyTexts.FromLatin1(target.PathInfo))
            && PyDicts.Set(environ, Keys.QueryString.Ref, PyTexts.FromLatin1(target.QueryString))
            && PyDicts.Set(environ, Keys.RequestUri.Ref, PyTexts.FromLatin1(request.RawTarget))
            && (request.Protocol == "HTTP/1.1" || SetConstant(environ, Keys.ServerProtocol, request.Protocol));
    }

    private bool SetClient(PyRef environ, Exchange exchange)
    {
        var client = exchange.Client;
        using var address = PyTexts.FromLatin1(client.RemoteAddr ?? exchange.Peer.Host);
        return !address.IsNull
            && PyDicts.Set(environ, Keys.RemoteAddr.Ref, address.Borrow())
            && PyDicts.Set(environ, Keys.RemoteHost.Ref, address.Borrow())
            && PyDicts.Set(environ, Keys.RemotePort.Ref, PyTexts.FromLatin1(client.RemotePort ?? exchange.Peer.Port))
            && (client.ServerName is null || PyDicts.Set(environ, Keys.ServerName.Ref, PyTexts.FromLatin1(client.ServerName)))
            && SetConstant(environ, Keys.ServerPort, client.ServerPort ?? exchange.LocalPort)
            && (client.Scheme is null || SetConstant(environ, Keys.UrlScheme, client.Scheme));
    }

    // The variables of mod_ssl, after which apps look.
    private bool SetTls(PyRef environ, Exchange exchange)
    {
        if (exchange.Tls is not { } session)
            return true;
        foreach (var variable in session.Variables)
        {
            var key = Keys.Known(variable.Name);
            if (!(variable.IsShared ? SetConstant(environ, key, variable.Value) : PyDicts.Set(environ, key.Ref, PyTexts.FromLatin1(variable.Value))))
                return false;
        }

        return true;
    }

    private bool SetHeaders(PyRef environ, Exchange exchange)
    {
        foreach (var (name, lines) in exchange.Received.Fields)
        {
            // The app sees a decoded body, so the framing that it came in must not be there to be decoded again.
            if (exchange.IsChunked && name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
                continue;
            if (!Keys.SetHeader(environ, name, HeaderList.Join(lines)))
                return false;
        }

        // With asynchronous=false the length of such a body is not known yet: the app reads to the end (wsgi.input_terminated).
        return !exchange.HasUnknownLength || !_settings.Asynchronous
            || PyDicts.Set(environ, Keys.ContentLength.Ref, PyTexts.FromLatin1(exchange.Body.Length.ToString(CultureInfo.InvariantCulture)));
    }

    private bool SetStreams(PyRef environ, AppCall call, PyRef input)
    {
        // Looked up each time: apps and test tools replace sys.stderr.
        var errors = PyObjects.System("stderr"u8);
        return PyDicts.Set(environ, Keys.Input.Ref, input)
            && (errors.IsNull || PyDicts.Set(environ, Keys.Errors.Ref, errors))
            && PyDicts.Set(environ, Keys.ClientDisconnected.Ref, new ClientDisconnected(call).ToPython(_python.Interpreter.CallableType.Ref));
    }

    // Texts that requests share: methods, ports, schemes. A client may invent methods; once the table is full each text that is not in it
    // costs a string per request, and no memory. Threads that attach at once may each add one more.
    private bool SetConstant(PyRef environ, PyPin key, string text)
    {
        if (_constants.TryGetValue(text, out var known))
            return PyDicts.Set(environ, key.Ref, known.Ref);
        if (_constants.Count >= MostConstants)
            return PyDicts.Set(environ, key.Ref, PyTexts.FromLatin1(text));
        using var made = PyTexts.FromLatin1(text);
        if (made.IsNull)
            return false;
        var pin = made.Borrow().Pin();
        if (!_constants.TryAdd(text, pin))
            pin.Dispose();
        return PyDicts.Set(environ, key.Ref, made.Borrow());
    }

    private static PyNew Text(string text) => PyTexts.FromLatin1(text);

    private static void Require(bool done)
    {
        if (!done)
            throw PythonException.Take();
    }
}
