namespace Waitress.CPython;

/// <summary>A Python error on its way through start-up code; the request path handles errors as data.</summary>
internal sealed class PythonException(string message) : Exception(message)
{
    /// <summary>Takes the error that is set and puts it into words: "TypeError: …".</summary>
    public static PythonException Take()
    {
        using var error = PythonError.Take();
        return new PythonException(error.IsNull
            ? "A Python call failed without an error"
            : $"{PyObjects.TypeName(error)}: {PyObjects.Describe(error)}");
    }
}

/// <summary>An error that reaches the Python caller as the built-in exception of the given kind.</summary>
internal sealed class RaiseException(PythonError.Fault fault, string message) : Exception(message)
{
    public PythonError.Fault Fault => fault;
}
