namespace Waitress.CPython;

/// <summary>Python's bytes: copied in, read in place.</summary>
internal static unsafe class PyBytes
{
    public static PyNew From(scoped ReadOnlySpan<byte> data)
    {
        fixed (byte* start = data)
            return Api.PyBytes_FromStringAndSize(start, data.Length);
    }

    /// <summary>The content of a bytes object, valid as long as the caller keeps the object.</summary>
    public static ReadOnlySpan<byte> Span(PyRef bytes)
    {
        byte* start;
        nint size;
        if (Api.PyBytes_AsStringAndSize(bytes, &start, &size) == 0)
            return new ReadOnlySpan<byte>(start, checked((int)size));
        Api.PyErr_Clear();
        return default;
    }

    /// <summary>
    /// A bytes object of that size, filled by <paramref name="fill"/>: one copy instead of two for bodies that are held in
    /// several pieces. Writing is allowed while nobody else has seen the object.
    /// </summary>
    public static PyNew Fill<T>(int size, T source, Action<T, Span<byte>> fill)
    {
        var made = Api.PyBytes_FromStringAndSize(null, size);
        byte* start;
        nint length;
        if (!made.IsNull && Api.PyBytes_AsStringAndSize(made, &start, &length) == 0)
            fill(source, new Span<byte>(start, size));
        return made;
    }
}
