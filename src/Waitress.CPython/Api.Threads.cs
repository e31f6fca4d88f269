using System.Runtime.InteropServices;

namespace Waitress.CPython;

internal static unsafe partial class Api
{
    /// <summary>Gives the GIL up and returns the thread's state.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint> PyEval_SaveThread = (delegate* unmanaged[Cdecl]<nint>)Export();

    /// <summary>Waits for the GIL with that state; does not return once the interpreter is finalizing.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint, void> PyEval_RestoreThread = (delegate* unmanaged[Cdecl]<nint, void>)Export();

    /// <summary>What threading.get_ident() gives. Needs no GIL.</summary>
    public static readonly delegate* unmanaged[Cdecl]<CULong> PyThread_get_thread_ident = (delegate* unmanaged[Cdecl]<CULong>)Export();

    /// <summary>Has the exception raised in that thread at its next bytecode; null takes one back that has not been raised yet.</summary>
    public static readonly delegate* unmanaged[Cdecl]<CULong, PyRef, int> PyThreadState_SetAsyncExc =
        (delegate* unmanaged[Cdecl]<CULong, PyRef, int>)Export();
}
