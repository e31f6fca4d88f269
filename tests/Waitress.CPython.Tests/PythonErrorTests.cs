using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>Errors on their way through our hands.</summary>
[Collection(nameof(PythonProcess))]
public sealed class PythonErrorTests(PythonProcess python)
{
    [Fact]
    public void Errors_TakenAndRaisedAgain_KeepTheirTracebackAndBalance()
    {
        python.Do(() => Py.Execute("""
            def fail(error):
                raise error
            """));
        python.Balances("ValueError('told')", error =>
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
}
