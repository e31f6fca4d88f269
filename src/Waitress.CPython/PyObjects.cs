namespace Waitress.CPython;

/// <summary>
/// What one does with any Python object. Names are UTF-8 literals (<c>"close"u8</c>): static data that ends with a zero, so
/// their address is the C string. A null result means that a Python error is set on this thread.
/// </summary>
internal static unsafe class PyObjects
{
    /// <summary>PY_VECTORCALL_ARGUMENTS_OFFSET: the callee may use the cell before the first argument.</summary>
    private static readonly nint ArgumentsOffset = nint.MinValue;

    public static PyNew Import(ReadOnlySpan<byte> name)
    {
        fixed (byte* text = name)
            return Api.PyImport_ImportModule(text);
    }

    /// <summary>An attribute of sys as it is now (apps and test tools replace sys.stderr), or null without an error.</summary>
    public static PyRef System(ReadOnlySpan<byte> name)
    {
        fixed (byte* text = name)
            return Api.PySys_GetObject(text);
    }

    public static PyNew GetAttribute(PyRef target, ReadOnlySpan<byte> name)
    {
        fixed (byte* text = name)
            return Api.PyObject_GetAttrString(target, text);
    }

    public static PyNew GetAttribute(PyRef target, PyRef name) => Api.PyObject_GetAttr(target, name);

    /// <summary>The attribute or null; an AttributeError is not an error here, and others are dropped with it.</summary>
    public static PyNew FindAttribute(PyRef target, PyRef name)
    {
        var found = Api.PyObject_GetAttr(target, name);
        if (found.IsNull)
            Api.PyErr_Clear();
        return found;
    }

    public static bool SetAttribute(PyRef target, ReadOnlySpan<byte> name, PyRef value)
    {
        fixed (byte* text = name)
            return Api.PyObject_SetAttrString(target, text, value) == 0;
    }

    public static PyNew Call(PyRef callable)
    {
        var cells = stackalloc nint[1];
        return Returned(Api.PyObject_Vectorcall(callable, cells + 1, ArgumentsOffset, default));
    }

    public static PyNew Call(PyRef callable, PyRef first)
    {
        var cells = stackalloc nint[2];
        cells[1] = first.Pointer;
        return Returned(Api.PyObject_Vectorcall(callable, cells + 1, 1 | ArgumentsOffset, default));
    }

    public static PyNew Call(PyRef callable, PyRef first, PyRef second)
    {
        var cells = stackalloc nint[3];
        cells[1] = first.Pointer;
        cells[2] = second.Pointer;
        return Returned(Api.PyObject_Vectorcall(callable, cells + 1, 2 | ArgumentsOffset, default));
    }

    public static PyNew Call(PyRef callable, PyRef first, PyRef second, PyRef third)
    {
        var cells = stackalloc nint[4];
        cells[1] = first.Pointer;
        cells[2] = second.Pointer;
        cells[3] = third.Pointer;
        return Returned(Api.PyObject_Vectorcall(callable, cells + 1, 3 | ArgumentsOffset, default));
    }

    public static PyNew Call(PyRef callable, PyRef first, PyRef second, PyRef third, PyRef fourth, PyRef fifth)
    {
        var cells = stackalloc nint[6];
        cells[1] = first.Pointer;
        cells[2] = second.Pointer;
        cells[3] = third.Pointer;
        cells[4] = fourth.Pointer;
        cells[5] = fifth.Pointer;
        return Returned(Api.PyObject_Vectorcall(callable, cells + 1, 5 | ArgumentsOffset, default));
    }

    public static PyNew Iterate(PyRef iterable) => Returned(Api.PyObject_GetIter(iterable));

    /// <summary>The next item, or null: then <see cref="PythonError.IsSet"/> tells the end from a failure.</summary>
    public static PyNew Next(PyRef iterator) => Returned(Api.PyIter_Next(iterator));

    // Where code of the app comes back from, which may have forked.
    private static PyNew Returned(PyNew result)
    {
        Fork.EndIfChild();
        return result;
    }

    /// <summary>len(value), or -1 when it has none; the error is dropped.</summary>
    public static long LengthOrMinusOne(PyRef value)
    {
        var length = Api.PyObject_Size(value);
        if (length < 0)
            Api.PyErr_Clear();
        return length;
    }

    /// <summary>bool(value); false when that fails, the error is dropped.</summary>
    public static bool IsTrue(PyRef value) => Answer(Api.PyObject_IsTrue(value));

    /// <summary>isinstance(value, type); false when that fails (a property __class__ may raise), the error is dropped.</summary>
    public static bool IsInstance(PyRef value, PyRef type) => Answer(Api.PyObject_IsInstance(value, type));

    public static bool IsText(PyRef value) => Singletons.TypeOf(value) == Api.PyUnicode_Type;

    public static bool IsBytes(PyRef value) => Singletons.TypeOf(value) == Api.PyBytes_Type;

    public static bool IsList(PyRef value) => Singletons.TypeOf(value) == Api.PyList_Type;

    public static bool IsTuple(PyRef value) => Singletons.TypeOf(value) == Api.PyTuple_Type;

    public static bool IsSet(PyRef value) => Singletons.TypeOf(value) is var type && (type == Api.PySet_Type || type == Api.PyFrozenSet_Type);

    /// <summary>str(value), or a placeholder when even that fails.</summary>
    public static string Describe(PyRef value)
    {
        using var text = Api.PyObject_Str(value);
        if (text.IsNull)
            Api.PyErr_Clear();
        return text.IsNull ? "<no text>" : PyTexts.ToText(text);
    }

    /// <summary>repr(value), or a placeholder when even that fails.</summary>
    public static string Represent(PyRef value)
    {
        using var text = Api.PyObject_Repr(value);
        if (text.IsNull)
            Api.PyErr_Clear();
        return text.IsNull ? "<no text>" : PyTexts.ToText(text);
    }

    private static bool Answer(int result)
    {
        if (result < 0)
            Api.PyErr_Clear();
        return result == 1;
    }

    /// <summary>The name of the value's type, as error messages quote it.</summary>
    public static string TypeName(PyRef value)
    {
        using var name = GetAttribute(new PyRef(Singletons.TypeOf(value)), "__name__"u8);
        if (name.IsNull)
            Api.PyErr_Clear();
        return name.IsNull ? "?" : PyTexts.ToText(name);
    }
}
