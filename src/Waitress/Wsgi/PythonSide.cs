using Waitress.CPython;

namespace Waitress.Wsgi;

/// <summary>
/// The functions of the Python module waitress._wsgi that the request path calls, looked up once per server. Disposed attached, when
/// the server is closed.
/// </summary>
internal sealed class PythonSide : IDisposable
{
    private readonly List<PyPin> _pins = [];

    public PythonSide(Interpreter interpreter)
    {
        Interpreter = interpreter;
        using var module = PyObjects.Import("waitress._wsgi"u8).OrThrow();
        BytesIO = Pin(module, "BytesIO"u8);
        BodyFile = Pin(module, "body_file"u8);
        BodyStream = Pin(module, "BodyStream"u8);
        FileWrapper = Pin(module, "FileWrapper"u8);
        DirectFile = Pin(module, "direct_file"u8);
        LogFailure = Pin(module, "log_failure"u8);
        ClientDisconnected = Pin(module, "ClientDisconnected"u8);
        RequestTimeout = Pin(module, "RequestTimeout"u8);
    }

    public Interpreter Interpreter { get; }

    /// <summary>The name of the calling thread, as its logging has it. Called attached.</summary>
    public static string ThreadName()
    {
        using var threading = PyObjects.Import("threading"u8).OrThrow();
        using var current = PyObjects.GetAttribute(threading, "current_thread"u8).OrThrow();
        using var thread = PyObjects.Call(current).OrThrow();
        using var name = PyObjects.GetAttribute(thread, "name"u8).OrThrow();
        return PyObjects.Describe(name);
    }

    /// <summary>io.BytesIO: the input stream of a body in memory.</summary>
    public PyPin BytesIO { get; }

    /// <summary>body_file(descriptor): a binary file on a temporary file of ours.</summary>
    public PyPin BodyFile { get; }

    /// <summary>BodyStream(readinto): a buffered stream over a body that still arrives.</summary>
    public PyPin BodyStream { get; }

    /// <summary>The type behind wsgi.file_wrapper.</summary>
    public PyPin FileWrapper { get; }

    /// <summary>direct_file(wrapper): (descriptor or -1, offset, size), or None when it has to be iterated.</summary>
    public PyPin DirectFile { get; }

    /// <summary>log_failure(message, exception): logs with traceback and returns the traceback as text.</summary>
    public PyPin LogFailure { get; }

    /// <summary>The exception type of a write() that nobody is left to read.</summary>
    public PyPin ClientDisconnected { get; }

    /// <summary>The exception that is raised in a thread over request_timeout.</summary>
    public PyPin RequestTimeout { get; }

    public void Dispose()
    {
        foreach (var pin in _pins)
            pin.Dispose();
    }

    private PyPin Pin(PyRef module, ReadOnlySpan<byte> name)
    {
        using var found = PyObjects.GetAttribute(module, name).OrThrow();
        var pin = found.Pin();
        _pins.Add(pin);
        return pin;
    }
}
