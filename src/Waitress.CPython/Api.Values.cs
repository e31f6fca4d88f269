namespace Waitress.CPython;

internal static unsafe partial class Api
{
    public static readonly delegate* unmanaged[Cdecl]<byte*, nint, PyNew> PyUnicode_FromStringAndSize =
        (delegate* unmanaged[Cdecl]<byte*, nint, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<byte*, nint, byte*, PyNew> PyUnicode_DecodeLatin1 =
        (delegate* unmanaged[Cdecl]<byte*, nint, byte*, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<byte*, nint, byte*, PyNew> PyUnicode_DecodeUTF8 =
        (delegate* unmanaged[Cdecl]<byte*, nint, byte*, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<byte*, PyNew> PyUnicode_InternFromString =
        (delegate* unmanaged[Cdecl]<byte*, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, nint*, byte*> PyUnicode_AsUTF8AndSize =
        (delegate* unmanaged[Cdecl]<PyRef, nint*, byte*>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, byte*, byte*, PyNew> PyUnicode_AsEncodedString =
        (delegate* unmanaged[Cdecl]<PyRef, byte*, byte*, PyNew>)Export();

    public static readonly delegate* unmanaged[Cdecl]<byte*, nint, PyNew> PyBytes_FromStringAndSize =
        (delegate* unmanaged[Cdecl]<byte*, nint, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, byte**, nint*, int> PyBytes_AsStringAndSize =
        (delegate* unmanaged[Cdecl]<PyRef, byte**, nint*, int>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, byte*, int, int> PyObject_GetBuffer =
        (delegate* unmanaged[Cdecl]<PyRef, byte*, int, int>)Export();
    public static readonly delegate* unmanaged[Cdecl]<byte*, void> PyBuffer_Release = (delegate* unmanaged[Cdecl]<byte*, void>)Export();

    public static readonly delegate* unmanaged[Cdecl]<long, PyNew> PyLong_FromLongLong = (delegate* unmanaged[Cdecl]<long, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, long> PyLong_AsLongLong = (delegate* unmanaged[Cdecl]<PyRef, long>)Export();
    public static readonly delegate* unmanaged[Cdecl]<int, PyNew> PyBool_FromLong = (delegate* unmanaged[Cdecl]<int, PyNew>)Export();
    public static readonly delegate* unmanaged[Cdecl]<PyRef, double> PyFloat_AsDouble = (delegate* unmanaged[Cdecl]<PyRef, double>)Export();
    public static readonly delegate* unmanaged[Cdecl]<double, PyNew> PyFloat_FromDouble = (delegate* unmanaged[Cdecl]<double, PyNew>)Export();
}
