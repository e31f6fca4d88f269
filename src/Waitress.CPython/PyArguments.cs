namespace Waitress.CPython;

/// <summary>The arguments of one vectorcall: borrowed from the caller for the time of the call.</summary>
internal readonly unsafe ref struct PyArguments
{
    private readonly nint* values;
    private readonly PyRef _names;

    internal PyArguments(nint* values, nint countAndFlag, nint names)
    {
        this.values = values;
        _names = new PyRef(names);
        Count = (int)(countAndFlag & nint.MaxValue);
    }

    /// <summary>How many are positional.</summary>
    public int Count { get; }

    public PyRef this[int index] => index < Count ? new PyRef(values[index]) : default;

    /// <summary>Demands between that many positional arguments and no others.</summary>
    public void Expect(string function, int least, int most)
    {
        if (Count < least || Count > most)
            throw new RaiseException(PythonError.Fault.Type, $"{function}() takes {Describe(least, most)} but {Count} were given");
        if (!_names.IsNull && PySequences.TupleLength(_names) > 0)
            throw new RaiseException(PythonError.Fault.Type, $"{function}() takes no keyword arguments");
    }

    /// <summary>The argument at that place or of that name, or null; PEP 3333 callables are called either way.</summary>
    public PyRef Find(int index, ReadOnlySpan<byte> name)
    {
        if (index < Count)
            return new PyRef(values[index]);
        var length = _names.IsNull ? 0 : PySequences.TupleLength(_names);
        for (var i = 0; i < length; i++)
        {
            using var key = PySequences.Item(_names, i);
            if (!key.IsNull && PyTexts.Utf8(key, out _).SequenceEqual(name))
                return new PyRef(values[Count + i]);
        }

        return default;
    }

    private static string Describe(int least, int most) =>
        least < most ? $"{least} to {most} positional arguments" : least == 1 ? "1 positional argument" : $"{least} positional arguments";
}
