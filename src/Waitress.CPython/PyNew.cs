namespace Waitress.CPython;

/// <summary>
/// A reference of which we own one count. Dispose gives it back; <see cref="Release"/> and <see cref="Pin"/> hand it on.
/// What the C API returns as "new reference" arrives as this type, so that forgetting it needs an effort.
/// </summary>
internal ref struct PyNew
{
    internal nint Pointer;

    internal PyNew(nint pointer) => Pointer = pointer;

    /// <summary>True after a failed call: a Python error is set on this thread.</summary>
    public readonly bool IsNull => Pointer == 0;

    public readonly PyRef Borrow() => new(Pointer);

    public static implicit operator PyRef(PyNew owned) => owned.Borrow();

    /// <summary>Gives the count to whoever takes the pointer: a return value, or an argument that CPython steals.</summary>
    internal nint Release()
    {
        var pointer = Pointer;
        Pointer = 0;
        return pointer;
    }

    public PyPin Pin() => new(Release());

    public PyNew Move() => new(Release());

    public unsafe void Dispose()
    {
        if (Pointer == 0)
            return;
        Api.Py_DecRef(new PyRef(Release()));
    }

    /// <summary>The value, or the Python error as an exception; for start-up code, not for the request path.</summary>
    public PyNew OrThrow() => IsNull ? throw PythonException.Take() : Move();
}
