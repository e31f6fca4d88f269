namespace Waitress.CPython.Tests.Harness;

/// <summary>Python source in tests. All of it runs on the Python thread; names live in one dict, __main__'s.</summary>
internal static class Py
{
    public static void Execute(string source)
    {
        using var done = Run("exec"u8, source);
        done.OrThrow().Dispose();
    }

    public static PyNew Evaluate(string source)
    {
        using var value = Run("eval"u8, source);
        return value.OrThrow();
    }

    public static string Text(string source)
    {
        using var value = Evaluate(source);
        return PyObjects.Describe(value);
    }

    public static long Number(string source)
    {
        using var value = Evaluate(source);
        return PyNumbers.ToInt64(value);
    }

    public static void Set(string name, PyRef value)
    {
        using var names = Names();
        Assert.True(PyDicts.Set(names, name, value.New()));
    }

    /// <summary>sys.getrefcount, without the reference that the call itself makes.</summary>
    public static long Count(PyRef value)
    {
        using var sys = PyObjects.Import("sys"u8).OrThrow();
        using var ask = PyObjects.GetAttribute(sys, "getrefcount"u8).OrThrow();
        using var count = PyObjects.Call(ask, value).OrThrow();
        return PyNumbers.ToInt64(count);
    }

    public static string Literal(string text) => "'" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";

    private static PyNew Names()
    {
        using var main = PyObjects.Import("__main__"u8).OrThrow();
        return PyObjects.GetAttribute(main, "__dict__"u8).OrThrow();
    }

    private static PyNew Run(ReadOnlySpan<byte> how, string source)
    {
        using var builtins = PyObjects.Import("builtins"u8).OrThrow();
        using var function = PyObjects.GetAttribute(builtins, how).OrThrow();
        using var text = PyTexts.FromText(source).OrThrow();
        using var names = Names();
        return PyObjects.Call(function, text, names);
    }
}
