namespace Waitress.CPython;

internal static unsafe partial class Api
{
    public static readonly delegate* unmanaged[Cdecl]<PyRef, byte*, void> PyErr_SetString =
        (delegate* unmanaged[Cdecl]<PyRef, byte*, void>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, void> PyErr_SetObject =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, void>)Export();
    public static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<PyRef> PyErr_Occurred =
        (delegate* unmanaged[Cdecl, SuppressGCTransition]<PyRef>)Export();
    public static readonly delegate* unmanaged[Cdecl]<void> PyErr_Clear = (delegate* unmanaged[Cdecl]<void>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, int> PyErr_GivenExceptionMatches =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, int>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, void> PyErr_WriteUnraisable = (delegate* unmanaged[Cdecl]<PyRef, void>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, PyRef, int> PyException_SetTraceback =
        (delegate* unmanaged[Cdecl]<PyRef, PyRef, int>)Export();

    // Two generations of one idea; PythonError hides which of them this Python has.
    public static readonly delegate* unmanaged[Cdecl]<PyNew> PyErr_GetRaisedException = (delegate* unmanaged[Cdecl]<PyNew>)Optional();
    public static readonly delegate* unmanaged[Cdecl]<nint*, nint*, nint*, void> PyErr_Fetch =
        (delegate* unmanaged[Cdecl]<nint*, nint*, nint*, void>)Optional();
    public static readonly delegate* unmanaged[Cdecl]<nint*, nint*, nint*, void> PyErr_NormalizeException =
        (delegate* unmanaged[Cdecl]<nint*, nint*, nint*, void>)Optional();

    public static readonly nint PyExc_AssertionError = Variable();
    public static readonly nint PyExc_ConnectionError = Variable();
    public static readonly nint PyExc_OSError = Variable();
    public static readonly nint PyExc_RuntimeError = Variable();
    public static readonly nint PyExc_StopIteration = Variable();
    public static readonly nint PyExc_TypeError = Variable();
    public static readonly nint PyExc_ValueError = Variable();
}
