using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>Each wrapper gives back exactly the counts that it took, whether it succeeds or fails.</summary>
[Collection(nameof(PythonProcess))]
public sealed class OwnershipTests(PythonProcess python)
{
    private delegate void Use(PyRef value);

    /// <summary>Runs it on a new object, many times, and demands that the object's count is what it was.</summary>
    private void Balances(string value, Use use) => python.Do(() =>
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

    [Fact]
    public void NewAndDispose_Balance() => Balances("object()", value =>
    {
        using var one = value.New();
        using var two = one.Move();
        Assert.True(one.IsNull);
        Assert.Equal(value.Pointer, two.Borrow().Pointer);
        using var three = value.New().OrThrow();
        new PyNew(three.Release()).Dispose();
    });

    [Fact]
    public void Pin_DisposedTwice_GivesOneCountBack() => Balances("object()", value =>
    {
        var live = LiveReferences.Count;
        var pin = value.Pin();
        Assert.Equal(live + 1, LiveReferences.Count);
        Assert.Equal(value.Pointer, pin.Ref.Pointer);
        pin.Dispose();
        pin.Dispose();
        Assert.Equal(live, LiveReferences.Count);
    });

    [Fact]
    public void Attributes_FoundMissingSet_Balance()
    {
        Balances("types.SimpleNamespace(name=object())", value =>
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
        Balances("object()", value =>
        {
            Assert.False(PyObjects.SetAttribute(value, "name"u8, value));
            PythonError.Clear();
            using var target = Py.Evaluate("types.SimpleNamespace()");
            Assert.True(PyObjects.SetAttribute(target, "name"u8, value));
        });
    }

    [Fact]
    public void Dicts_SetCopyItems_Balance()
    {
        Balances("object()", value =>
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
        Balances("object()", value =>
        {
            using var items = PyDicts.Items(value);
            Assert.True(items.IsNull);
            PythonError.Clear();
        });
    }

    [Fact]
    public void Sequences_ListsAndTuples_Balance() => Balances("object()", value =>
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

    [Fact]
    public void Calls_AllForms_Balance()
    {
        Balances("object()", value =>
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
        Balances("(lambda: 1 / 0)", value =>
        {
            using var failed = PyObjects.Call(value);
            Assert.True(failed.IsNull);
            PythonError.Clear();
        });
    }

    [Fact]
    public void IterationAndQuestions_Balance()
    {
        Balances("[1, 2]", value =>
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
        Balances("5", value =>
        {
            using var iterator = PyObjects.Iterate(value);
            Assert.True(iterator.IsNull);
            PythonError.Clear();
            Assert.Equal(-1, PyObjects.LengthOrMinusOne(value));
        });
        Balances("type('Odd', (), {'__class__': property(lambda s: 1 / 0), '__bool__': lambda s: 1 / 0, '__str__': lambda s: 1 / 0, '__repr__': lambda s: 1 / 0})()", value =>
        {
            using var type = Py.Evaluate("int");
            Assert.False(PyObjects.IsInstance(value, type));
            Assert.False(PyObjects.IsTrue(value));
            Assert.Equal("<no text>", PyObjects.Describe(value));
            Assert.Equal("<no text>", PyObjects.Represent(value));
        });
    }

    [Fact]
    public void Buffers_TakenAndRefused_Balance()
    {
        foreach (var value in new[] { "bytes(b'abc')", "bytearray(b'abc')", "memoryview(b'abc')", "memoryview(b'xaxbxc')[:3]" })
        {
            Balances(value, exporter =>
            {
                using var buffer = new PyBuffer();
                Assert.True(buffer.TryTake(exporter));
                Assert.Equal(3, buffer.Bytes.Length);
            });
        }

        foreach (var value in new[] { "memoryview(b'abcdef')[::2]", "'abc'", "5" })
        {
            Balances(value, exporter =>
            {
                using var buffer = new PyBuffer();
                Assert.False(buffer.TryTake(exporter));
                Assert.True(PythonError.IsSet);
                PythonError.Clear();
            });
        }

        Balances("b'abc'", exporter =>
        {
            using var buffer = new PyBuffer();
            Assert.False(buffer.TryTake(exporter, writable: true));
            PythonError.Clear();
        });
        Balances("bytearray(b'abc')", exporter =>
        {
            using (var buffer = new PyBuffer())
            {
                Assert.True(buffer.TryTake(exporter, writable: true));
                buffer.WritableBytes[0] = (byte)'z';
                using var blocked = Py.Evaluate("bytearray.append");
                using var one = PyNumbers.From(1);
                using var grown = PyObjects.Call(blocked, exporter, one);
                Assert.True(grown.IsNull); // BufferError: it is held.
                PythonError.Clear();
            }

            Assert.Equal("bytearray(b'zbc')", PyObjects.Represent(exporter));
        });
    }

    [Fact]
    public void Errors_TakenAndRaisedAgain_KeepTheirTracebackAndBalance()
    {
        python.Do(() => Py.Execute("""
            def fail(error):
                raise error
            """));
        Balances("ValueError('told')", error =>
        {
            using var fail = Py.Evaluate("fail");
            using (var failed = PyObjects.Call(fail, error))
                Assert.True(failed.IsNull);
            using (var taken = PythonError.Take())
            {
                Assert.False(PythonError.IsSet);
                Assert.Equal(error.Pointer, taken.Pointer);
                PythonError.Raise(taken.Borrow());
            }

            Assert.True(PythonError.IsSet);
            using var again = PythonError.Take();
            Assert.Equal(error.Pointer, again.Pointer);
            using var trace = PyObjects.GetAttribute(again, "__traceback__"u8);
            Assert.Equal("traceback", PyObjects.TypeName(trace));
            Py.Set("taken", again);
            Assert.Contains("in fail", Py.Text("''.join(traceback.format_exception(type(taken), taken, taken.__traceback__))"), StringComparison.Ordinal);
            Py.Execute("taken.__traceback__ = None; del taken");
        });
        python.Do(() =>
        {
            using var nothing = PythonError.Take();
            Assert.True(nothing.IsNull);
            using var failed = Run("1 / 0");
            var thrown = PythonException.Take();
            Assert.Equal("ZeroDivisionError: division by zero", thrown.Message);
            Assert.Equal("A Python call failed without an error", PythonException.Take().Message);
        });
    }

    private static PyNew Run(string source)
    {
        using var function = Py.Evaluate($"lambda: {source}");
        return PyObjects.Call(function);
    }

    [Fact]
    public void Detach_AndAttach_AnotherThreadMayHaveTheGilMeanwhile() => python.Do(() =>
    {
        Py.Execute("""
            import threading
            ran = threading.Event()
            other = threading.Thread(target=ran.set)
            """);
        Py.Execute("other.start()");
        using (PythonThread.Detach())
        {
            // Nothing to do: other threads of Python go on while this one is out.
        }

        Py.Execute("other.join()");
        Assert.Equal("True", Py.Text("ran.is_set()"));
    });
}
