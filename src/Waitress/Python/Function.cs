using Waitress.CPython;

namespace Waitress.Python;

/// <summary>A function of the module, or a method of the engine object, with a fixed number of positional arguments.</summary>
internal sealed class Function(string name, int count, Function.Body body) : PyCallable
{
    public delegate PyNew Body(PyArguments arguments);

    protected override PyNew Call(PyArguments arguments)
    {
        arguments.Expect(name, count, count);
        return body(arguments);
    }
}
