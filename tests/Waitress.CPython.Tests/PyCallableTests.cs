using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

[Collection(nameof(PythonProcess))]
public sealed class PyCallableTests(PythonProcess python)
{
    private delegate PyNew Body(PyArguments arguments);

    private sealed class Callable(Body body) : PyCallable
    {
        protected override PyNew Call(PyArguments arguments) => body(arguments);
    }

    /// <summary>Puts it into Python as `function`, runs the source, and takes both the name and the type away again.</summary>
    private static void With(Body body, Action test)
    {
        using var type = PyCallable.CreateType().OrThrow();
        var before = Py.Count(type);
        using (var made = new Callable(body).ToPython(type))
            Py.Set("function", made);
        Assert.Equal(before + 1, Py.Count(type));
        test();
        Py.Execute("del function");
        Assert.Equal(before, Py.Count(type));
        Assert.False(PythonError.IsSet);
    }

    [Theory]
    [InlineData("function(1, 2)", "1,2,None")]
    [InlineData("function(1, 2, 3)", "1,2,3")]
    [InlineData("function(1, second=2)", "1,2,None")]
    [InlineData("function(third=3, second=2, first=1)", "1,2,3")]
    [InlineData("function(*(1, 2), **{'third': 3})", "1,2,3")]
    [InlineData("function()", "None,None,None")]
    [InlineData("function(other=1)", "None,None,None")]
    public void Find_PositionalOrByName_IsTheArgument(string call, string expected) => python.Do(() => With(
        arguments =>
        {
            var texts = new List<string>();
            texts.Add(Describe(arguments.Find(0, "first"u8)));
            texts.Add(Describe(arguments.Find(1, "second"u8)));
            texts.Add(Describe(arguments.Find(2, "third"u8)));
            return PyTexts.FromText(string.Join(',', texts));
        },
        () => Assert.Equal(expected, Py.Text(call))));

    private static string Describe(PyRef value) => value.IsNull ? "None" : PyObjects.Describe(value);

    [Theory]
    [InlineData("function(1)", "ok")]
    [InlineData("function(1, 2)", "ok")]
    [InlineData("function(1, **{})", "ok")]
    [InlineData("function()", "TypeError: f() takes 1 to 2 positional arguments but 0 were given")]
    [InlineData("function(1, 2, 3)", "TypeError: f() takes 1 to 2 positional arguments but 3 were given")]
    [InlineData("function(1, a=2)", "TypeError: f() takes no keyword arguments")]
    public void Expect_WrongArguments_IsATypeError(string call, string expected) => python.Do(() => With(
        arguments =>
        {
            arguments.Expect("f", 1, 2);
            return PyTexts.FromText("ok");
        },
        () => Assert.Equal(expected, Outcome(call))));

    private static string Outcome(string call)
    {
        try
        {
            return Py.Text(call);
        }
        catch (PythonException e)
        {
            return e.Message;
        }
    }

    public static TheoryData<Exception, string> Exceptions => new()
    {
        { new IOException("disk"), "OSError: disk" },
        { new SocketException(111), $"OSError: {new SocketException(111).Message}" },
        { new ArgumentException("bad"), "ValueError: bad" },
        { new InvalidOperationException("odd"), "RuntimeError: InvalidOperationException: odd" },
        { new RaiseException(PythonError.Fault.Type, "t"), "TypeError: t" },
        { new RaiseException(PythonError.Fault.Value, "v"), "ValueError: v" },
        { new RaiseException(PythonError.Fault.Os, "o"), "OSError: o" },
        { new RaiseException(PythonError.Fault.Assertion, "a"), "AssertionError: a" },
        { new RaiseException(PythonError.Fault.Connection, "c"), "ConnectionError: c" },
        { new RaiseException(PythonError.Fault.Runtime, "r"), "RuntimeError: r" },
    };

    [Theory]
    [MemberData(nameof(Exceptions), DisableDiscoveryEnumeration = true)]
    public void Trap_Exception_ArrivesAsThePythonOne(Exception exception, string expected) => python.Do(() => With(
        _ => throw exception,
        () => Assert.Equal(expected, Outcome("function()"))));

    [Fact]
    public void Trap_WithAnErrorSetAlready_TheExceptionWins() => python.Do(() => With(
        arguments =>
        {
            PythonError.Raise(PythonError.Fault.Value, "earlier");
            throw new IOException("later");
        },
        () => Assert.Equal("OSError: later", Outcome("function()"))));

    [Fact]
    public void Call_RaisesAPythonError_ArrivesAsItIs() => python.Do(() => With(
        _ => PythonError.Raise(PythonError.Fault.Connection, "gone"),
        () => Assert.Equal("ConnectionError: gone", Outcome("function()"))));

    [Fact]
    public void Call_ManyTimes_BalancesArgumentsResultsAndFailures() => python.Do(() =>
    {
        Py.Execute("value = object()");
        using var value = Py.Evaluate("value");
        var before = Py.Count(value);
        With(
            arguments =>
            {
                if (arguments.Count == 2)
                    throw new InvalidOperationException();
                return arguments.Find(0, "name"u8).New();
            },
            () => Py.Execute("""
                for i in range(100):
                    assert function(value) is value
                    assert function(name=value) is value
                    try:
                        function(value, value)
                    except RuntimeError:
                        pass
                """));
        Py.Execute("del value, i");
        Assert.Equal(before - 1, Py.Count(value));
    });

    [Fact]
    public void Dealloc_LastReferenceGone_FreesTheCallable() => python.Do(() =>
    {
        using var type = PyCallable.CreateType().OrThrow();
        var weak = Make(type);
        GC.Collect();
        Assert.True(IsAlive(weak), "Python holds it");
        Py.Execute("del function");
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(IsAlive(weak), "The handle was not freed");
    });

    // Apart, because a debug build keeps what a method has touched until the method returns.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsAlive(WeakReference<PyCallable> weak) => weak.TryGetTarget(out _);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<PyCallable> Make(PyRef type)
    {
        var callable = new Callable(_ => Singletons.NewNone());
        using var made = callable.ToPython(type);
        Py.Set("function", made);
        return new WeakReference<PyCallable>(callable);
    }

    [Fact]
    public void Type_FromPython_CannotBeMadeNorChanged() => python.Do(() => With(_ => Singletons.NewNone(), () =>
    {
        Assert.StartsWith("TypeError: cannot create 'waitress._native.Function' instances", Outcome("type(function)()"), StringComparison.Ordinal);
        Assert.StartsWith("TypeError: cannot set", Outcome("setattr(type(function), 'x', 1)"), StringComparison.Ordinal);
        Assert.Equal("True", Py.Text("callable(function)"));
    }));
}
