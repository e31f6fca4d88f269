using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>What the table of the C API rests on: symbols that are found, and structs that pass as pointers.</summary>
[Collection(nameof(PythonProcess))]
public sealed class ApiTests(PythonProcess python)
{
    [Fact]
    public void Symbols_OfAGlobalLibrary_AreFoundThroughTheMainProgram() => python.Do(() =>
    {
        Assert.NotEqual(0, Api._Py_NoneStruct);
        Assert.StartsWith("3.", PythonVersion.Text, StringComparison.Ordinal);
        Assert.Equal(Py.Number("sys.version_info.minor"), PythonVersion.Minor);
        Assert.Equal(Py.Number("object.__basicsize__"), Singletons.HeadSize);
        using var none = Py.Evaluate("None");
        Assert.True(none.Borrow().IsNone);
    });

    [Fact]
    public unsafe void RefStructs_InFunctionPointers_PassAsThePointerTheyHold() => python.Do(() =>
    {
        using var list = Api.PyList_New(0); // PyNew as a result
        using var item = Py.Evaluate("object()");
        Assert.Equal(0, Api.PyList_Append(list, item)); // PyRef as arguments
        Assert.Equal(1, Api.PyList_Size(list));
        using var got = Api.PySequence_GetItem(list, 0);
        Assert.Equal(item.Pointer, got.Pointer);
    });
}
