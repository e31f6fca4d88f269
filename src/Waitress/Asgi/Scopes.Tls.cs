using Waitress.CPython;
using Waitress.Http;
using Waitress.Tls;

namespace Waitress.Asgi;

/// <summary>The extensions of a scope, with that of TLS (ASGI TLS extension 0.2), which is there where the connection has TLS itself.</summary>
internal sealed partial class Scopes
{
    // Some ten KiB each where the client has a certificate; when there are more, all are forgotten and made anew.
    private const int MostSessions = 512;

    // Made with a connection's first request; each request has a copy, since an app may change what it gets.
    private readonly Dictionary<object, PyPin> _sessions = [];

    private PyNew Extensions(PyPin template, Exchange exchange)
    {
        using var extensions = PyDicts.Copy(template.Ref);
        var made = !extensions.IsNull && (exchange.Tls is not { } session || PyDicts.Set(extensions, _tls.Ref, Tls(session)));
        return made ? extensions.Move() : default;
    }

    private PyNew Tls(TlsSession session)
    {
        if (_sessions.TryGetValue(session.Key, out var known))
            return PyDicts.Copy(known.Ref);
        using var made = PyDicts.New();
        using var chain = Chain(session);
        var set = !made.IsNull && !chain.IsNull
            && PyDicts.Set(made, "server_cert", Text(session.ServerPem))
            && PyDicts.Set(made, "client_cert_chain", chain.Move())
            && PyDicts.Set(made, "client_cert_name", session.ClientName is { } name ? PyTexts.FromText(name) : Singletons.NewNone())
            && PyDicts.Set(made, "client_cert_error", Singletons.NewNone()) // A certificate that is not valid gets no connection.
            && PyDicts.Set(made, "tls_version", session.Version is { } version ? PyNumbers.From((long)version) : Singletons.NewNone())
            && PyDicts.Set(made, "cipher_suite", PyNumbers.From((long)session.CipherSuite));
        if (!set)
            return default;
        Remember(_sessions, MostSessions, session.Key, made);
        return PyDicts.Copy(made);
    }

    // A tuple, which all copies may share.
    private static PyNew Chain(TlsSession session)
    {
        using var list = PySequences.NewList();
        foreach (var certificate in session.ClientChain)
        {
            if (list.IsNull || !PySequences.Append(list, PyTexts.FromText(certificate)))
                return default;
        }

        return list.IsNull ? default : PySequences.TupleOf(list);
    }
}
