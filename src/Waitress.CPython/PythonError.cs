namespace Waitress.CPython;

/// <summary>The door out of Python: the error that is set on this thread, taken as an object or dropped.</summary>
internal static unsafe class PythonError
{
    public static bool IsSet => !Api.PyErr_Occurred().IsNull;

    public static void Clear() => Api.PyErr_Clear();

    /// <summary>Sets an error of a built-in type; the caller then returns null to Python.</summary>
    public static PyNew Raise(Fault fault, string message)
    {
        using var text = PyTexts.FromText(message);
        Api.PyErr_SetObject(new PyRef(TypeOf(fault)), text);
        return default;
    }

    /// <summary>The same with an exception type of the package's.</summary>
    public static PyNew Raise(PyRef type, string message)
    {
        using var text = PyTexts.FromText(message);
        Api.PyErr_SetObject(type, text);
        return default;
    }

    /// <summary>Raises an exception object again, with the traceback that it carries.</summary>
    public static PyNew Raise(PyRef exception)
    {
        Api.PyErr_SetObject(new PyRef(Singletons.TypeOf(exception)), exception);
        return default;
    }

    /// <summary>
    /// Takes the error off the thread: the exception object with its traceback attached. Null when none was set. 3.12 brought
    /// one call for what took three before.
    /// </summary>
    public static PyNew Take()
    {
        if (Api.PyErr_GetRaisedException != null)
            return Api.PyErr_GetRaisedException();
        nint type, value, traceback;
        Api.PyErr_Fetch(&type, &value, &traceback);
        if (type == 0)
            return default;
        Api.PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback != 0)
            _ = Api.PyException_SetTraceback(new PyRef(value), new PyRef(traceback));
        new PyNew(type).Dispose();
        new PyNew(traceback).Dispose();
        return new PyNew(value);
    }

    /// <summary>For errors that have no caller to go to: sys.unraisablehook prints them.</summary>
    public static void WriteUnraisable(PyRef context) => Api.PyErr_WriteUnraisable(context);

    public static nint TypeOf(Fault fault) => fault switch
    {
        Fault.Assertion => Api.PyExc_AssertionError,
        Fault.Connection => Api.PyExc_ConnectionError,
        Fault.Os => Api.PyExc_OSError,
        Fault.Type => Api.PyExc_TypeError,
        Fault.Value => Api.PyExc_ValueError,
        _ => Api.PyExc_RuntimeError,
    };

    /// <summary>The built-in exception types that we raise.</summary>
    internal enum Fault
    {
        Runtime,
        Assertion,
        Connection,
        Os,
        Type,
        Value,
    }
}
