using System.Collections;
using Waitress.CPython;

namespace Waitress.Python;

/// <summary>
/// Plain values across the border: None, bool, int, float, str, and lists and dicts of them. Anything else arrives as the text
/// of str(value), which is what Waitress's casts would make of it; so does what lies deeper than any setting.
/// </summary>
internal static class PyValues
{
    // A setting is a list at most; a list or table within it is refused, and one level of it is enough to say so. More levels would
    // multiply: a list may hold itself, any number of times.
    private const int Deepest = 2;

    public static object? FromPython(PyRef value) => FromPython(value, 0);

    /// <summary>The items of any iterable.</summary>
    public static List<object?> ToList(PyRef iterable) => ToList(iterable, 0);

    public static Dictionary<string, object?> ToDictionary(PyRef dict) => ToDictionary(dict, 0);

    /// <summary>A dict whose values are taken as text, such as os.environ.</summary>
    public static Dictionary<string, string> ToTexts(PyRef dict) =>
        ToDictionary(dict).ToDictionary(pair => pair.Key, pair => pair.Value as string ?? "");

    private static object? FromPython(PyRef value, int depth)
    {
        if (value.IsNull || value.IsNone)
            return null;
        if (PyNumbers.IsBool(value))
            return PyObjects.IsTrue(value);
        if (PyNumbers.IsInt(value))
            return ToInteger(value);
        if (PyNumbers.IsFloat(value))
            return PyNumbers.ToDouble(value);
        if (PyObjects.IsText(value))
            return PyTexts.ToText(value);
        if (depth == Deepest)
            return PyObjects.Describe(value); // Python shows what holds itself as "[...]".
        if (PyDicts.Is(value))
            return ToDictionary(value, depth + 1);
        return PyObjects.IsList(value) || PyObjects.IsTuple(value) || PyObjects.IsSet(value) ? ToList(value, depth + 1) : PyObjects.Describe(value);
    }

    private static List<object?> ToList(PyRef iterable, int depth)
    {
        var list = new List<object?>();
        using var iterator = PyObjects.Iterate(iterable).OrThrow();
        while (true)
        {
            using var item = PyObjects.Next(iterator);
            if (item.IsNull)
                return PythonError.IsSet ? throw PythonException.Take() : list;
            list.Add(FromPython(item, depth));
        }
    }

    private static Dictionary<string, object?> ToDictionary(PyRef dict, int depth)
    {
        var result = new Dictionary<string, object?>();
        using var items = PyDicts.Items(dict).OrThrow();
        for (var i = 0; i < PySequences.ListLength(items); i++)
        {
            using var pair = PySequences.Item(items, i).OrThrow();
            using var key = PySequences.Item(pair, 0).OrThrow();
            using var value = PySequences.Item(pair, 1).OrThrow();
            result[PyObjects.Describe(key)] = FromPython(value, depth);
        }

        return result;
    }

    public static PyNew ToPython(object? value) => value switch
    {
        null => Singletons.NewNone(),
        bool flag => PyNumbers.From(flag),
        int number => PyNumbers.From(number),
        long number => PyNumbers.From(number),
        double number => PyNumbers.From(number),
        string text => PyTexts.FromText(text),
        IReadOnlyDictionary<string, object?> dictionary => FromDictionary(dictionary),
        IEnumerable items => FromList(items.Cast<object?>()),
        _ => PyTexts.FromText(value.ToString() ?? ""),
    };

    public static PyNew FromList(IEnumerable<object?> items)
    {
        using var list = PySequences.NewList();
        foreach (var item in items)
        {
            if (!PySequences.Append(list, ToPython(item)))
                return default;
        }

        return list.Move();
    }

    public static PyNew FromDictionary(IReadOnlyDictionary<string, object?> items)
    {
        using var dict = PyDicts.New();
        foreach (var (key, value) in items)
        {
            if (!PyDicts.Set(dict, key, ToPython(value)))
                return default;
        }

        return dict.Move();
    }

    // An int beyond 64 bits stays text: no setting allows it, and the message can quote it.
    private static object ToInteger(PyRef value)
    {
        var number = PyNumbers.ToInt64(value);
        if (number != -1 || !PythonError.IsSet)
            return number;
        PythonError.Clear();
        return PyObjects.Describe(value);
    }
}
