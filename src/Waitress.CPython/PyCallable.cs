using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// A Python callable with C# behind it: start_response, write, the functions of the module. Called by vectorcall, so no
/// tuple and no bound method is made. The Python object owns a handle on the C# object and frees it with itself; the C#
/// object must drop its own Python references at the end of what it stands for, so that no cycle outlives it.
/// </summary>
internal abstract unsafe class PyCallable
{
    // The vectorcall function that every instance carries.
    private static readonly int VectorcallAt = PyOwned.Size;

    private static readonly nint Definition = Define("waitress._native.Function"u8, HeapType.Immutable);

    private static readonly nint CoroutineDefinition = Define("waitress._native.CoroutineFunction"u8, 0);

    /// <summary>Makes the type, once per interpreter; the caller keeps it as long as the interpreter lives.</summary>
    public static PyNew CreateType() => HeapType.Create(Definition);

    /// <summary>A type for callables that return awaitables: its attributes can be set, so that Python can mark it as a kind of coroutine functions.</summary>
    public static PyNew CreateCoroutineType() => HeapType.Create(CoroutineDefinition);

    /// <summary>Answers a call with a new reference, or null with a Python error set. Runs attached.</summary>
    protected abstract PyNew Call(PyArguments arguments);

    /// <summary>A new Python object for this callable.</summary>
    public PyNew ToPython(PyRef type)
    {
        var made = PyOwned.Make(type, this);
        if (made.IsNull)
            return made;
        *(nint*)(made.Pointer + VectorcallAt) = (nint)(delegate* unmanaged[Cdecl]<nint, nint*, nint, nint, nint>)&Vectorcall;
        return made;
    }

    private static nint Define(ReadOnlySpan<byte> name, uint more) => HeapType.Define(
        typeof(PyCallable),
        name,
        VectorcallAt + sizeof(nint),
        HeapType.Default | HeapType.HasVectorcall | HeapType.DisallowInstantiation | more,
        new HeapType.Slot(HeapType.Dealloc, PyOwned.DeallocSlot),
        new HeapType.Slot(HeapType.Call, Api.PyVectorcall_Call),
        new HeapType.Slot(HeapType.Members, HeapType.VectorcallAt(typeof(PyCallable), VectorcallAt)));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Vectorcall(nint self, nint* arguments, nint count, nint names)
    {
        try
        {
            if (Fork.InChild)
                return Fork.Refuse().Release();
            return ((PyCallable)PyOwned.State(self)).Call(new PyArguments(arguments, count, names)).Release();
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }
}
