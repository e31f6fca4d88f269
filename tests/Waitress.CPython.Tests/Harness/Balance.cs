namespace Waitress.CPython.Tests.Harness;

/// <summary>The test of a wrapper: it gives back exactly the counts that it took, whether it succeeds or fails.</summary>
internal static class Balance
{
    public delegate void Use(PyRef value);

    /// <summary>Runs it on a new object, many times, and demands that the object's count is what it was.</summary>
    public static void Balances(this PythonProcess python, string value, Use use) => python.Do(() =>
    {
        using var target = Py.Evaluate(value);
        var before = Py.Count(target);
        var pins = LiveReferences.Count;
        for (var i = 0; i < 100; i++)
        {
            use(target);
            Assert.False(PythonError.IsSet);
        }

        Assert.Equal(before, Py.Count(target));
        Assert.Equal(pins, LiveReferences.Count);
    });
}
