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
    // Behind the object's head: the handle, then the vectorcall function that every instance carries.
    private static readonly int HandleAt = Singletons.HeadSize, VectorcallAt = HandleAt + sizeof(nint);

    private static readonly nint Definition = HeapType.Define(
        typeof(PyCallable),
        "waitress._native.Function"u8,
        VectorcallAt + sizeof(nint),
        HeapType.Default | HeapType.HasVectorcall | HeapType.DisallowInstantiation | HeapType.Immutable,
        new HeapType.Slot(HeapType.Dealloc, (nint)(delegate* unmanaged[Cdecl]<nint, void>)&Dealloc),
        new HeapType.Slot(HeapType.Call, Api.PyVectorcall_Call),
        new HeapType.Slot(HeapType.Members, HeapType.VectorcallAt(typeof(PyCallable), VectorcallAt)));

    /// <summary>Makes the type, once per interpreter; the caller keeps it as long as the interpreter lives.</summary>
    public static PyNew CreateType() => HeapType.Create(Definition);

    /// <summary>Answers a call with a new reference, or null with a Python error set. Runs attached.</summary>
    protected abstract PyNew Call(PyArguments arguments);

    /// <summary>A new Python object for this callable.</summary>
    public PyNew ToPython(PyRef type)
    {
        var made = Api.PyType_GenericAlloc(type, 0);
        if (made.IsNull)
            return made;
        *(nint*)(made.Pointer + HandleAt) = GCHandle.ToIntPtr(GCHandle.Alloc(this));
        *(nint*)(made.Pointer + VectorcallAt) = (nint)(delegate* unmanaged[Cdecl]<nint, nint*, nint, nint, nint>)&Vectorcall;
        return made;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Vectorcall(nint self, nint* arguments, nint count, nint names)
    {
        try
        {
            if (Fork.InChild)
                return Fork.Refuse().Release();
            var callable = (PyCallable)GCHandle.FromIntPtr(*(nint*)(self + HandleAt)).Target!;
            return callable.Call(new PyArguments(arguments, count, names)).Release();
        }
        catch (Exception e)
        {
            return Trap.Raise(e);
        }
    }

    // Heap types are counted by their instances, so the type goes last.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Dealloc(nint self)
    {
        try
        {
            var handle = *(nint*)(self + HandleAt);

            // In a forked child the table of handles may be locked by a thread that does not exist there.
            if (handle != 0 && !Fork.InChild)
                GCHandle.FromIntPtr(handle).Free();
            var type = new PyRef(Singletons.TypeOf(new PyRef(self)));
            ((delegate* unmanaged[Cdecl]<nint, void>)Api.PyType_GetSlot(type, HeapType.Free))(self);
            Api.Py_DecRef(type);
        }
        catch (Exception e)
        {
            // A destructor has no way to report; going on with a half-freed object would corrupt the heap.
            Environment.FailFast("waitress: a destructor failed", e);
        }
    }
}
