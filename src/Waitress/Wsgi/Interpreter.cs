using Waitress.CPython;

namespace Waitress.Wsgi;

/// <summary>
/// What the engine needs of one Python interpreter: the type of our callables and the functions of waitress._wsgi. Hangs on the
/// module object of that interpreter and lives as long as it, so that several interpreters in one process stay possible.
/// </summary>
internal sealed class Interpreter
{
    private Interpreter(PyPin callableType) => CallableType = callableType;

    /// <summary>The type of the callables that we make (start_response and its kin).</summary>
    public PyPin CallableType { get; }

    /// <summary>Whether Python threads run at the same time: a free-threaded build whose GIL is off (sys._is_gil_enabled, 3.13+).</summary>
    public bool IsParallel { get; private init; }

    /// <summary>Runs attached, when the module is imported.</summary>
    public static Interpreter Create()
    {
        using var type = PyCallable.CreateType().OrThrow();
        return new Interpreter(type.Pin()) { IsParallel = !IsGilEnabled() };
    }

    private static bool IsGilEnabled()
    {
        var ask = PyObjects.System("_is_gil_enabled"u8);
        if (ask.IsNull)
            return true;
        using var enabled = PyObjects.Call(ask).OrThrow();
        return PyObjects.IsTrue(enabled);
    }
}
