using System.Runtime.CompilerServices;
using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

[Collection(nameof(PythonProcess))]
public sealed class PyAwaitableTests(PythonProcess python)
{
    private delegate Step Body();

    private sealed class Awaitable(Body body, Action? givenUp = null) : PyAwaitable
    {
        protected override Step Continue() => body();

        protected override void GiveUp() => givenUp?.Invoke();
    }

    /// <summary>Puts it into Python as `awaitable`, runs the source, and takes both the name and the type away again.</summary>
    private static void With(PyAwaitable awaitable, Action test)
    {
        Py.Execute("import asyncio, collections.abc");
        using var type = PyAwaitable.CreateType().OrThrow();
        Warm(type);
        var (before, pins) = (Py.Count(type), LiveReferences.Count);
        using (var made = awaitable.ToPython(type))
            Py.Set("awaitable", made);
        Assert.Equal(before + 1, Py.Count(type));
        test();
        Py.Execute("del awaitable");
        Py.Execute("import gc; gc.collect()");
        Assert.Equal((before, pins), (Py.Count(type), LiveReferences.Count));
        Assert.False(PythonError.IsSet);
    }

    // asyncio remembers for ever which types it has taken for coroutines.
    private static void Warm(PyRef type)
    {
        using (var made = new Awaitable(Returns("warm")).ToPython(type))
            Py.Set("awaitable", made);
        Py.Execute("""
            async def wait():
                await asyncio.create_task(awaitable)
            loop = asyncio.new_event_loop()
            loop.run_until_complete(wait())
            loop.close()
            del awaitable, wait, loop
            """);
    }

    private static Body Returns(string text) => () => Step.Done(PyTexts.FromText(text));

    [Fact]
    public void Await_OfOneThatIsDone_IsItsResultWithoutTheLoop() => python.Do(() => With(new Awaitable(Returns("ready")), () =>
    {
        Py.Execute("""
            async def wait():
                return await awaitable
            coroutine = wait()
            try:
                coroutine.send(None)
            except StopIteration as done:
                result = done.value
            """);
        Assert.Equal("ready", Py.Text("result"));
        Py.Execute("del coroutine, wait");
    }));

    [Theory]
    [InlineData("None")]
    [InlineData("{'a': 1}")]
    [InlineData("0")]
    public void Await_ResultOfAnyKind_IsThatObject(string value) => python.Do(() => With(new Awaitable(() => Step.Done(Py.Evaluate(value))), () =>
    {
        Py.Execute("""
            async def wait():
                return await awaitable
            loop = asyncio.new_event_loop()
            result = loop.run_until_complete(wait())
            loop.close()
            """);
        Assert.Equal(value, Py.Text("repr(result)"));
        Py.Execute("del result, wait, loop");
    }));

    [Theory]
    [InlineData("await awaitable")]
    [InlineData("await asyncio.create_task(awaitable)")]
    [InlineData("await asyncio.ensure_future(awaitable)")]
    [InlineData("await asyncio.wait_for(awaitable, 10)")]
    [InlineData("(await asyncio.gather(awaitable))[0]")]
    public void Await_InAnyWay_WaitsForTheFuture(string how) => python.Do(() =>
    {
        var turns = 0;
        With(
            new Awaitable(() =>
            {
                // Twice woken without an answer, as by somebody else's event.
                if (turns++ == 3)
                    return Step.Done(PyTexts.FromText("after three"));
                using var future = Py.Evaluate("make_future()");
                return Step.Wait(future.Move());
            }),
            () =>
            {
                Py.Execute($"""
                    def make_future():
                        future = loop.create_future()
                        future._asyncio_future_blocking = True
                        loop.call_soon(future.set_result, None)
                        return future
                    async def wait():
                        return {how}
                    loop = asyncio.new_event_loop()
                    result = loop.run_until_complete(wait())
                    loop.close()
                    """);
                Assert.Equal(("after three", 4), (Py.Text("result"), turns));
                Py.Execute("del wait, make_future, loop");
            });
    });

    [Fact]
    public void Await_Cancelled_GivesUpAndRaises() => python.Do(() =>
    {
        var givenUp = 0;
        With(
            new Awaitable(
                () =>
                {
                    using var future = Py.Evaluate("make_future()");
                    return Step.Wait(future.Move());
                },
                () => givenUp++),
            () =>
            {
                Py.Execute("""
                    def make_future():
                        future = loop.create_future()
                        future._asyncio_future_blocking = True
                        return future
                    async def wait():
                        try:
                            await asyncio.wait_for(awaitable, 0.01)
                        except asyncio.TimeoutError:
                            return "given up"
                    loop = asyncio.new_event_loop()
                    result = loop.run_until_complete(wait())
                    loop.close()
                    """);
                Assert.Equal(("given up", 1), (Py.Text("result"), givenUp));
                Py.Execute("del wait, make_future, loop");
            });
    });

    [Theory]
    [InlineData("awaitable.throw(KeyError('k'))", "KeyError: 'k'")]
    [InlineData("awaitable.throw(KeyError, 'k')", "KeyError: 'k'")]
    [InlineData("awaitable.throw(KeyError, KeyError('k'), None)", "KeyError: 'k'")]
    [InlineData("awaitable.throw(KeyError)", "KeyError: ")]
    [InlineData("awaitable.throw()", "TypeError: throw() takes an exception")]
    public void Throw_InEachForm_Raises(string call, string expected) => python.Do(() =>
    {
        var givenUp = 0;
        With(new Awaitable(Returns("never"), () => givenUp++), () =>
        {
            Assert.Equal(expected, Outcome(call));
            Assert.Equal(1, givenUp);
        });
    });

    [Fact]
    public void Close_Called_GivesUp() => python.Do(() =>
    {
        var givenUp = 0;
        With(new Awaitable(Returns("never"), () => givenUp++), () => Assert.Equal(("None", 1), (Py.Text("str(awaitable.close())"), givenUp)));
    });

    [Fact]
    public void Object_NeverAwaited_GivesUpWhenItIsGone() => python.Do(() =>
    {
        var givenUp = 0;
        With(new Awaitable(Returns("never"), () => givenUp++), () => Assert.Equal(0, givenUp));
        Assert.Equal(1, givenUp);
    });

    [Fact]
    public void Type_ForPython_IsACoroutineThatNobodyMakes() => python.Do(() => With(new Awaitable(Returns("x")), () =>
    {
        Assert.Equal("True True", Py.Text("f'{isinstance(awaitable, collections.abc.Awaitable)} {isinstance(awaitable, collections.abc.Coroutine)}'"));
        Assert.StartsWith("TypeError", Outcome("type(awaitable)()"), StringComparison.Ordinal);
    }));

    public static TheoryData<Exception, string> Exceptions => new()
    {
        { new InvalidOperationException("broken"), "RuntimeError: InvalidOperationException: broken" },
        { new IOException("no disk"), "OSError: no disk" },
    };

    [Theory]
    [MemberData(nameof(Exceptions))]
    public void Continue_ThatThrows_RaisesInPython(Exception exception, string expected) => python.Do(() => With(new Awaitable(() => throw exception), () =>
    {
        Assert.Equal(expected, Outcome("next(awaitable)"));
        Assert.Equal(expected, Outcome("awaitable.send(None)"));
    }));

    [Fact]
    public void Failed_WithAPythonError_RaisesThat() => python.Do(() => With(
        new Awaitable(() =>
        {
            PythonError.Raise(PythonError.Fault.Value, "wrong");
            return Step.Failed;
        }),
        () => Assert.Equal("ValueError: wrong", Outcome("awaitable.send(None)"))));

    [Fact]
    public void Object_ThatIsGone_LetsGoOfItsState()
    {
        var gone = python.Do(Lose);
        for (var turn = 0; turn < 10 && gone.IsAlive; turn++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(gone.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Lose()
    {
        var awaitable = new Awaitable(Returns("x"));
        With(awaitable, () => { });
        return new WeakReference(awaitable);
    }

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
}
