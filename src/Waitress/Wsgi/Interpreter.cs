using Waitress.CPython;

namespace Waitress.Wsgi;

/// <summary>
/// What the engine needs of one Python interpreter: the type of our callables. Of the first interpreter it hangs on the
/// module object and lives as long as it; of a worker of class interpreter it is disposed, attached, before that interpreter ends.
/// </summary>
internal sealed class Interpreter : IDisposable
{
    private Interpreter(PyPin callableType, PyPin awaitableType) => (CallableType, AwaitableType) = (callableType, awaitableType);

    /// <summary>The type of the callables that we make (start_response and its kin).</summary>
    public PyPin CallableType { get; }

    /// <summary>The type of the awaitables that we make (what ASGI's receive and send return).</summary>
    public PyPin AwaitableType { get; }

    /// <summary>Whether Python threads run at the same time: a free-threaded build whose GIL is off (sys._is_gil_enabled, 3.13+).</summary>
    public bool IsParallel { get; private init; }

    /// <summary>Runs attached, when the module is imported.</summary>
    public static Interpreter Create()
    {
        using var type = PyCallable.CreateType().OrThrow();
        using var awaitable = PyAwaitable.CreateType().OrThrow();
        return new Interpreter(type.Pin(), awaitable.Pin()) { IsParallel = !IsGilEnabled() };
    }

    /// <summary>Callables that still exist keep the type; only our own count goes.</summary>
    public void Dispose()
    {
        CallableType.Dispose();
        AwaitableType.Dispose();
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
