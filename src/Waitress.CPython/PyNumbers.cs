namespace Waitress.CPython;

/// <summary>Python's int, bool and float.</summary>
internal static unsafe class PyNumbers
{
    public static PyNew From(long value) => Api.PyLong_FromLongLong(value);

    public static PyNew From(bool value) => Api.PyBool_FromLong(value ? 1 : 0);

    public static PyNew From(double value) => Api.PyFloat_FromDouble(value);

    /// <summary>The value, or -1 with an error set when it does not fit: check <see cref="PythonError.IsSet"/> on -1.</summary>
    public static long ToInt64(PyRef value) => Api.PyLong_AsLongLong(value);

    public static double ToDouble(PyRef value) => Api.PyFloat_AsDouble(value);

    public static bool IsInt(PyRef value) => Singletons.TypeOf(value) == Api.PyLong_Type;

    public static bool IsBool(PyRef value) => Singletons.TypeOf(value) == Api.PyBool_Type;

    public static bool IsFloat(PyRef value) => Singletons.TypeOf(value) == Api.PyFloat_Type;
}
