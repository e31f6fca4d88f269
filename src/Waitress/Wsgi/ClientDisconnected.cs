using Waitress.CPython;
using Waitress.Http;

namespace Waitress.Wsgi;

/// <summary>waitress.client_disconnected of one environ: True when nobody is left to read the answer. After the request: True.</summary>
internal sealed class ClientDisconnected(Exchange exchange) : PyCallable
{
    private readonly int _number = exchange.Number;

    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect("client_disconnected", 0, 0);
        return PyNumbers.From(exchange.Number != _number || exchange.ClientLeft);
    }
}
