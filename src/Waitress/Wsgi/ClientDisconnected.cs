using Waitress.CPython;

namespace Waitress.Wsgi;

/// <summary>waitress.client_disconnected of one environ: True when nobody is left to read the answer. After the request: True.</summary>
internal sealed class ClientDisconnected(AppCall call) : PyCallable
{
    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("client_disconnected", 0, 0);
        return PyNumbers.From(!call.IsCurrent || call.Exchange.ClientLeft);
    }
}
