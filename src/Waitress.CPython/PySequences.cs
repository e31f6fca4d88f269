namespace Waitress.CPython;

/// <summary>Lists and tuples; for other sequences only <see cref="Item"/>.</summary>
internal static unsafe class PySequences
{
    public static PyNew NewList() => Api.PyList_New(0);

    /// <summary>Appends and gives up the caller's count of the item; a null item (a failed call) is false.</summary>
    public static bool Append(PyRef list, PyNew item)
    {
        using var owned = item.Move();
        return !owned.IsNull && Api.PyList_Append(list, owned) == 0;
    }

    /// <summary>A tuple of two; both counts are given up, also when it fails.</summary>
    public static PyNew Pair(PyNew first, PyNew second)
    {
        using var one = first.Move();
        using var two = second.Move();
        var tuple = one.IsNull || two.IsNull ? default : Api.PyTuple_New(2);
        if (tuple.IsNull)
            return default;
        _ = Api.PyTuple_SetItem(tuple, 0, one.Release());
        _ = Api.PyTuple_SetItem(tuple, 1, two.Release());
        return tuple;
    }

    /// <summary>A tuple of three; all counts are given up, also when it fails.</summary>
    public static PyNew Triple(PyNew first, PyNew second, PyNew third)
    {
        using var one = first.Move();
        using var two = second.Move();
        using var three = third.Move();
        var tuple = one.IsNull || two.IsNull || three.IsNull ? default : Api.PyTuple_New(3);
        if (tuple.IsNull)
            return default;
        _ = Api.PyTuple_SetItem(tuple, 0, one.Release());
        _ = Api.PyTuple_SetItem(tuple, 1, two.Release());
        _ = Api.PyTuple_SetItem(tuple, 2, three.Release());
        return tuple;
    }

    public static PyNew TupleOf(PyRef list) => Api.PyList_AsTuple(list);

    public static long ListLength(PyRef list) => Api.PyList_Size(list);

    public static long TupleLength(PyRef tuple) => Api.PyTuple_Size(tuple);

    public static PyNew Item(PyRef sequence, long index) => Api.PySequence_GetItem(sequence, (nint)index);
}
