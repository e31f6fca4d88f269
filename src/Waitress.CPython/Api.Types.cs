namespace Waitress.CPython;

internal static unsafe partial class Api
{
    /// <summary>The spec may go after the call, the tables it points to may not.</summary>
    public static readonly delegate* unmanaged[Cdecl]<void*, PyNew> PyType_FromSpec = (delegate* unmanaged[Cdecl]<void*, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<PyRef, int, nint> PyType_GetSlot =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<PyRef, int, nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint, PyNew> PyType_GenericAlloc =
        (delegate* unmanaged[Cdecl]<PyRef, nint, PyNew>)Export();

    /// <summary>Only its address is used, as the tp_call of types that have a vectorcall function.</summary>
    public static readonly nint PyVectorcall_Call = Export();

    public static readonly delegate* unmanaged[Cdecl]<void*, nint> PyModuleDef_Init = (delegate* unmanaged[Cdecl]<void*, nint>)Export();

    // Types and singletons are objects themselves: the address of the variable is the object.
    public static readonly nint PyBytes_Type = Export();
    public static readonly nint PyUnicode_Type = Export();
    public static readonly nint PyList_Type = Export();
    public static readonly nint PyTuple_Type = Export();
    public static readonly nint PyDict_Type = Export();
    public static readonly nint PySet_Type = Export();
    public static readonly nint PyFrozenSet_Type = Export();
    public static readonly nint PyLong_Type = Export();
    public static readonly nint PyBool_Type = Export();
    public static readonly nint PyFloat_Type = Export();
    public static readonly nint PyType_Type = Export();
    public static readonly nint PyBaseObject_Type = Export();
    public static readonly nint _Py_NoneStruct = Export();
}
