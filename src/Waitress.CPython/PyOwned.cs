using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// What our Python types have in common: behind the object's head an instance owns a handle on its C# object, and frees it with itself.
/// </summary>
internal static unsafe class PyOwned
{
    /// <summary>Where the handle is.</summary>
    public static readonly int HandleAt = Singletons.HeadSize;

    /// <summary>Where an instance's own data may begin: its smallest size.</summary>
    public static readonly int Size = HandleAt + sizeof(nint);

    // Handles of instances that are gone, for the next ones of this thread: three come and go with each request of an event loop, and .NET sorts what
    // is given back. Only on threads that asked for it, since a thread that ended would leave them behind.
    [ThreadStatic]
    private static Stack<nint>? Kept;

    private const int MostKept = 1024;

    /// <summary>Handles that this thread frees are used again, until <see cref="ForgetHandles"/>.</summary>
    public static void KeepHandles() => Kept ??= new Stack<nint>();

    /// <summary>Frees what this thread has kept, and keeps no more.</summary>
    public static void ForgetHandles()
    {
        while (Kept is { } kept && kept.TryPop(out var handle))
            GCHandle.FromIntPtr(handle).Free();
        Kept = null;
    }

    /// <summary>The tp_dealloc of such a type.</summary>
    public static nint DeallocSlot => (nint)(delegate* unmanaged[Cdecl]<nint, void>)&Dealloc;

    /// <summary>A new instance for the C# object.</summary>
    public static PyNew Make(PyRef type, object state)
    {
        var made = Api.PyType_GenericAlloc(type, 0);
        if (!made.IsNull)
            *(nint*)(made.Pointer + HandleAt) = HandleOf(state);
        return made;
    }

    /// <summary>The C# object of an instance.</summary>
    public static object State(nint self) => GCHandle.FromIntPtr(*(nint*)(self + HandleAt)).Target!;

    private static nint HandleOf(object state)
    {
        if (Kept is not { } kept || !kept.TryPop(out var handle))
            return GCHandle.ToIntPtr(GCHandle.Alloc(state));
        var used = GCHandle.FromIntPtr(handle);
        used.Target = state;
        return handle;
    }

    private static void GiveBack(nint handle)
    {
        var used = GCHandle.FromIntPtr(handle);
        if (Kept is not { Count: < MostKept } kept)
        {
            used.Free();
            return;
        }

        used.Target = null;
        kept.Push(handle);
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
            {
                // One that was never awaited may hold references still.
                if (State(self) is PyAwaitable awaitable)
                    awaitable.Drop();
                GiveBack(handle);
            }

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
