namespace Waitress.CPython;

/// <summary>Python's dict. A false or null result means that a Python error is set.</summary>
internal static unsafe class PyDicts
{
    public static PyNew New() => Api.PyDict_New();

    public static PyNew Copy(PyRef dict) => Api.PyDict_Copy(dict);

    public static bool Set(PyRef dict, PyRef key, PyRef value) => Api.PyDict_SetItem(dict, key, value) == 0;

    /// <summary>Sets and gives up the caller's count of the value; a null value (a failed call) is false.</summary>
    public static bool Set(PyRef dict, PyRef key, PyNew value)
    {
        using var owned = value.Move();
        return !owned.IsNull && Set(dict, key, owned.Borrow());
    }

    public static bool Set(PyRef dict, string key, PyNew value)
    {
        using var name = PyTexts.Intern(key);
        return !name.IsNull && Set(dict, name.Borrow(), value);
    }

    /// <summary>The value, or null: then <see cref="PythonError.IsSet"/> tells a failure from there being none.</summary>
    public static PyNew Get(PyRef dict, PyRef key)
    {
        if (Api.PyDict_GetItemRef == null)
        {
            var found = Api.PyDict_GetItemWithError(dict, key);
            return found.IsNull ? default : found.New();
        }

        nint value = 0;
        _ = Api.PyDict_GetItemRef(dict, key, &value);
        return new PyNew(value);
    }

    /// <summary>The items as a new list of pairs.</summary>
    public static PyNew Items(PyRef dict) => Api.PyDict_Items(dict);

    public static bool Is(PyRef value) => Singletons.TypeOf(value) == Api.PyDict_Type;
}
