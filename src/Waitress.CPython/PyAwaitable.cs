using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// A Python awaitable with C# behind it: what ASGI's receive() and send() return. Its own iterator, so awaiting it makes no further object,
/// and one that has its answer never goes through the event loop. With send, throw and close it is a Coroutine for
/// collections.abc too, so asyncio.create_task() takes it.
/// </summary>
internal abstract unsafe class PyAwaitable
{
    private static readonly nint Definition = HeapType.Define(
        typeof(PyAwaitable),
        "waitress._native.Awaitable"u8,
        PyOwned.Size,
        HeapType.Default | HeapType.DisallowInstantiation | HeapType.Immutable,
        new HeapType.Slot(HeapType.Dealloc, PyOwned.DeallocSlot),
        new HeapType.Slot(HeapType.Await, (nint)(delegate* unmanaged[Cdecl]<nint, nint>)&Itself),
        new HeapType.Slot(HeapType.Iter, (nint)(delegate* unmanaged[Cdecl]<nint, nint>)&Itself),
        new HeapType.Slot(HeapType.IterNext, (nint)(delegate* unmanaged[Cdecl]<nint, nint>)&Next),
        new HeapType.Slot(HeapType.Methods, HeapType.MethodsOf(
            typeof(PyAwaitable),
            new HeapType.Method { Name = HeapType.Text(typeof(PyAwaitable), "send"u8), Body = (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint>)&Send, Flags = HeapType.OneArgument },
            new HeapType.Method { Name = HeapType.Text(typeof(PyAwaitable), "throw"u8), Body = (nint)(delegate* unmanaged[Cdecl]<nint, nint*, nint, nint>)&Throw, Flags = HeapType.FastCall },
            new HeapType.Method { Name = HeapType.Text(typeof(PyAwaitable), "close"u8), Body = (nint)(delegate* unmanaged[Cdecl]<nint, nint, nint>)&Close, Flags = HeapType.NoArguments })));

    /// <summary>Makes the type, once per interpreter; the caller keeps it as long as the interpreter lives.</summary>
    public static PyNew CreateType() => HeapType.Create(Definition);

    /// <summary>A new Python object for this awaitable.</summary>
    public PyNew ToPython(PyRef type) => PyOwned.Make(type, this);

    /// <summary>The Python object is gone.</summary>
    internal void Drop() => GiveUp();

    /// <summary>Goes on: done, or what to wait for. Runs attached, on the thread of the event loop.</summary>
    protected abstract Step Continue();

    /// <summary>Nobody will ask again: what awaited this was cancelled, had another exception thrown into it, or the object is gone. Attached;
    /// may be called more than once, also after the end.</summary>
    protected virtual void GiveUp()
    {
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Itself(nint self)
    {
        try
        {
            return new PyRef(self).New().Release();
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Next(nint self)
    {
        try
        {
            return Go(self);
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Send(nint self, nint value)
    {
        try
        {
            var yielded = Go(self);

            // A method, unlike tp_iternext, has to set the error that says "done".
            if (yielded == 0 && !PythonError.IsSet)
                Api.PyErr_SetObject(new PyRef(Api.PyExc_StopIteration), new PyRef(Singletons.None));
            return yielded;
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    // throw(exception) or throw(type, value, traceback), as coroutines have it.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Throw(nint self, nint* arguments, nint count)
    {
        try
        {
            if (!Fork.InChild)
                ((PyAwaitable)PyOwned.State(self)).GiveUp();
            if (count == 0)
                return PythonError.Raise(PythonError.Fault.Type, "throw() takes an exception").Release();
            var first = new PyRef(arguments[0]);
            var isType = PyObjects.IsInstance(first, new PyRef(Api.PyType_Type));
            var value = isType ? new PyRef(count > 1 && arguments[1] != 0 ? arguments[1] : Singletons.None) : first;
            Api.PyErr_SetObject(isType ? first : new PyRef(Singletons.TypeOf(first)), value);
            return 0;
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Close(nint self, nint unused)
    {
        try
        {
            if (!Fork.InChild)
                ((PyAwaitable)PyOwned.State(self)).GiveUp();
            return Singletons.NewNone().Release();
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    private static nint Go(nint self)
    {
        if (Fork.InChild)
            return Fork.Refuse().Release();
        var step = ((PyAwaitable)PyOwned.State(self)).Continue();
        if (!step.IsDone)
            return step.Value.Release();

        // None needs no StopIteration: the end of an iterator without an error is None to whoever awaits it.
        using var result = step.Value.Move();
        if (!result.IsNull && !result.Borrow().IsNone)
            Api.PyErr_SetObject(new PyRef(Api.PyExc_StopIteration), result);
        return 0;
    }
}

/// <summary>What an awaitable does when it is asked to go on.</summary>
internal ref struct Step
{
    internal PyNew Value;

    internal bool IsDone { get; private init; }

    /// <summary>Whether there is a future to wait for: neither done nor failed.</summary>
    public readonly bool IsWait => !IsDone && !Value.IsNull;

    /// <summary>A Python error is set.</summary>
    public static Step Failed => default;

    /// <summary>The result; of a null one a Python error is set. Not a tuple or an exception, which StopIteration would take apart.</summary>
    public static Step Done(PyNew result) => new() { IsDone = !result.IsNull, Value = result.Move() };

    /// <summary>To be asked again when this asyncio future is done; null: a Python error is set.</summary>
    public static Step Wait(PyNew future) => new() { Value = future.Move() };
}
