using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>Dicts, lists and tuples give back what they took, whether they succeed or fail.</summary>
[Collection(nameof(PythonProcess))]
public sealed class ContainerTests(PythonProcess python)
{
    [Fact]
    public void Dicts_SetCopyItems_Balance()
    {
        python.Balances("object()", value =>
        {
            using var dict = PyDicts.New();
            Assert.True(PyDicts.Is(dict) && !PyDicts.Is(value));
            Assert.True(PyDicts.Set(dict, "key", value.New()));
            using var key = PyTexts.Intern("other");
            Assert.True(PyDicts.Set(dict, key.Borrow(), value));
            Assert.True(PyDicts.Set(dict, key.Borrow(), value.New()));
            Assert.False(PyDicts.Set(dict, "key", default(PyNew))); // A failed call handed on.
            using var unhashable = PySequences.NewList();
            Assert.False(PyDicts.Set(dict, unhashable.Borrow(), value.New()));
            PythonError.Clear();
            using var copy = PyDicts.Copy(dict);
            using var items = PyDicts.Items(copy);
            Assert.Equal(2, PySequences.ListLength(items));
        });
        python.Balances("object()", value =>
        {
            using var items = PyDicts.Items(value);
            Assert.True(items.IsNull);
            PythonError.Clear();
        });
    }

    [Fact]
    public void Sequences_ListsAndTuples_Balance() => python.Balances("object()", value =>
    {
        using var list = PySequences.NewList();
        Assert.True(PySequences.Append(list, value.New()));
        Assert.False(PySequences.Append(list, default));
        using var pair = PySequences.Pair(value.New(), value.New());
        using var triple = PySequences.Triple(value.New(), value.New(), value.New());
        Assert.Equal((2, 3), (PySequences.TupleLength(pair), PySequences.TupleLength(triple)));
        Assert.True(PyObjects.IsTuple(pair) && PyObjects.IsList(list));
        using var item = PySequences.Item(triple, 2);
        Assert.Equal(value.Pointer, item.Pointer);
        using var beyond = PySequences.Item(triple, 3);
        Assert.True(beyond.IsNull && PythonError.IsSet);
        PythonError.Clear();
        using var half = PySequences.Pair(value.New(), default);
        using var third = PySequences.Triple(default, value.New(), value.New());
        Assert.True(half.IsNull && third.IsNull);
    });
}
