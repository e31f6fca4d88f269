namespace Waitress.CPython;

/// <summary>
/// A borrowed reference: valid until its owner lets go. A ref struct, so the compiler keeps it out of fields, closures and
/// awaits.
/// </summary>
internal readonly ref struct PyRef
{
    internal readonly nint Pointer;

    internal PyRef(nint pointer) => Pointer = pointer;

    public bool IsNull => Pointer == 0;

    public bool IsNone => Pointer == Singletons.None;

    /// <summary>A count of our own on the same object.</summary>
    public PyNew New()
    {
        unsafe { Api.Py_IncRef(this); }
        return new PyNew(Pointer);
    }

    /// <summary>A long-lived count of our own; see <see cref="PyPin"/> for who gives it back.</summary>
    public PyPin Pin() => New().Pin();
}
