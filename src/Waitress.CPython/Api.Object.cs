namespace Waitress.CPython;

internal static unsafe partial class Api
{
    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<PyRef, void> Py_IncRef =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<PyRef, void>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, void> Py_DecRef = (delegate* unmanaged[Cdecl]<PyRef, void>)Export();
    public static readonly delegate* unmanaged[Cdecl]<byte*> Py_GetVersion = (delegate* unmanaged[Cdecl]<byte*>)Export();

    public static readonly delegate* unmanaged[Cdecl]<PyRef, byte*, PyNew> PyObject_GetAttrString =
        (delegate* unmanaged[Cdecl]<PyRef, byte*, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, PyNew> PyObject_GetAttr =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, byte*, PyRef, int> PyObject_SetAttrString =
        (delegate* unmanaged[Cdecl]<PyRef, byte*, PyRef, int>)Export();

    /// <summary>
    /// In 3.10 an inline function of the headers, not exported; its sibling with a dict of keyword arguments is, and is the same without any.
    /// </summary>
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint*, nint, PyRef, PyNew> PyObject_Vectorcall =
        (delegate* unmanaged[Cdecl]<PyRef, nint*, nint, PyRef, PyNew>)(Optional() is var found and not 0 ? found : Export("PyObject_VectorcallDict"));
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint> PyObject_Size = (delegate* unmanaged[Cdecl]<PyRef, nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, int> PyObject_IsTrue = (delegate* unmanaged[Cdecl]<PyRef, int>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, int> PyObject_IsInstance =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, int>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyObject_Str = (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyObject_Repr = (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyObject_GetIter =
        (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyIter_Next = (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();

    public static readonly delegate* unmanaged[Cdecl]<byte*, PyNew> PyImport_ImportModule =
        (delegate* unmanaged[Cdecl]<byte*, PyNew>)Export();

    /// <summary>Borrowed: the sys module owns what it returns.</summary>
    public static readonly delegate* unmanaged[Cdecl]<byte*, PyRef> PySys_GetObject = (delegate* unmanaged[Cdecl]<byte*, PyRef>)Export();
}
