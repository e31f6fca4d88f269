namespace Waitress.CPython;

/// <summary>None, and the exact type of an object: the only things we know about the layout of Python objects.</summary>
internal static unsafe class Singletons
{
    public static nint None => Api._Py_NoneStruct;

    public static PyNew NewNone() => new PyRef(None).New();

    /// <summary>The size of an object's head: object.__basicsize__, 16 on ordinary 64-bit builds, more on free-threaded ones.</summary>
    public static readonly int HeadSize = ReadHeadSize();

    // ob_type is the last pointer of the head in every header variant up to 3.14 (object.h).
    public static nint TypeOf(PyRef value) => *(nint*)(value.Pointer + HeadSize - sizeof(nint));

    private static int ReadHeadSize()
    {
        using var size = PyObjects.GetAttribute(new PyRef(Api.PyBaseObject_Type), "__basicsize__"u8).OrThrow();
        return (int)PyNumbers.ToInt64(size);
    }
}
