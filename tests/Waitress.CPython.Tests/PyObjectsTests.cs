using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>Attributes, calls and iteration give back what they took, whether they succeed or fail.</summary>
[Collection(nameof(PythonProcess))]
public sealed class PyObjectsTests(PythonProcess python)
{
    [Fact]
    public void Attributes_FoundMissingSet_Balance()
    {
        python.Balances("types.SimpleNamespace(name=object())", value =>
        {
            using var name = PyTexts.Intern("name");
            using var missing = PyTexts.Intern("missing");
            using var one = PyObjects.GetAttribute(value, "name"u8);
            using var two = PyObjects.GetAttribute(value, name);
            using var three = PyObjects.FindAttribute(value, name);
            using var four = PyObjects.FindAttribute(value, missing);
            Assert.True(four.IsNull);
            using var five = PyObjects.GetAttribute(value, "missing"u8);
            Assert.True(five.IsNull && PythonError.IsSet);
            PythonError.Clear();
            Assert.True(PyObjects.SetAttribute(value, "name"u8, one));
        });
        python.Balances("object()", value =>
        {
            Assert.False(PyObjects.SetAttribute(value, "name"u8, value));
            PythonError.Clear();
            using var target = Py.Evaluate("types.SimpleNamespace()");
            Assert.True(PyObjects.SetAttribute(target, "name"u8, value));
        });
    }

    [Fact]
    public void Calls_AllForms_Balance()
    {
        python.Balances("object()", value =>
        {
            using var make = Py.Evaluate("lambda *a: a");
            using var none = PyObjects.Call(make);
            using var one = PyObjects.Call(make, value);
            using var two = PyObjects.Call(make, value, value);
            Assert.Equal((0, 1, 2), (PySequences.TupleLength(none), PySequences.TupleLength(one), PySequences.TupleLength(two)));
            using var bad = PyObjects.Call(value, value, value);
            Assert.True(bad.IsNull && PythonError.IsSet);
            PythonError.Clear();
        });
        python.Balances("(lambda: 1 / 0)", value =>
        {
            using var failed = PyObjects.Call(value);
            Assert.True(failed.IsNull);
            PythonError.Clear();
        });
    }

    [Fact]
    public void IterationAndQuestions_Balance()
    {
        python.Balances("[1, 2]", value =>
        {
            using var iterator = PyObjects.Iterate(value);
            for (var i = 0; i < 2; i++)
            {
                using var item = PyObjects.Next(iterator);
                Assert.False(item.IsNull);
            }

            using var end = PyObjects.Next(iterator);
            Assert.True(end.IsNull && !PythonError.IsSet);
            Assert.Equal(2, PyObjects.LengthOrMinusOne(value));
            Assert.True(PyObjects.IsTrue(value));
            Assert.Equal(("[1, 2]", "[1, 2]", "list"), (PyObjects.Describe(value), PyObjects.Represent(value), PyObjects.TypeName(value)));
        });
        python.Balances("5", value =>
        {
            using var iterator = PyObjects.Iterate(value);
            Assert.True(iterator.IsNull);
            PythonError.Clear();
            Assert.Equal(-1, PyObjects.LengthOrMinusOne(value));
        });
        python.Balances("type('Odd', (), {'__class__': property(lambda s: 1 / 0), '__bool__': lambda s: 1 / 0, '__str__': lambda s: 1 / 0, '__repr__': lambda s: 1 / 0})()", value =>
        {
            using var type = Py.Evaluate("int");
            Assert.False(PyObjects.IsInstance(value, type));
            Assert.False(PyObjects.IsTrue(value));
            Assert.Equal("<no text>", PyObjects.Describe(value));
            Assert.Equal("<no text>", PyObjects.Represent(value));
        });
    }
}
