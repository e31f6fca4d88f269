namespace Waitress.CPython;

internal static unsafe partial class Api
{
    public static readonly delegate* unmanaged[Cdecl]<PyNew> PyDict_New = (delegate* unmanaged[Cdecl]<PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyDict_Copy = (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, PyRef, int> PyDict_SetItem =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, PyRef, int>)Export();

    /// <summary>Borrowed; null without an error when there is none.</summary>
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, PyRef> PyDict_GetItemWithError =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, PyRef>)Export();

    /// <summary>3.13 and newer: a new reference, also where another thread changes the dict. 1 found, 0 not, -1 error.</summary>
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, nint*, int> PyDict_GetItemRef =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, nint*, int>)Optional();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyDict_Items = (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();

    public static readonly delegate* unmanaged[Cdecl]<nint, PyNew> PyList_New = (delegate* unmanaged[Cdecl]<nint, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, int> PyList_Append =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, int>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint> PyList_Size = (delegate* unmanaged[Cdecl]<PyRef, nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyNew> PyList_AsTuple = (delegate* unmanaged[Cdecl]<PyRef, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint> PyTuple_Size = (delegate* unmanaged[Cdecl]<PyRef, nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<nint, PyNew> PyTuple_New = (delegate* unmanaged[Cdecl]<nint, PyNew>)Export();

    /// <summary>Steals the item, also when it fails.</summary>
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint, nint, int> PyTuple_SetItem =
        (delegate* unmanaged[Cdecl]<PyRef, nint, nint, int>)Export();

    /// <summary>A new reference to an item of any sequence: borrowed items are not safe on free-threaded builds.</summary>
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint, PyNew> PySequence_GetItem =
        (delegate* unmanaged[Cdecl]<PyRef, nint, PyNew>)Export();
}
