namespace Waitress.CPython;

internal static unsafe partial class Api
{
    /// <summary>Gives the GIL up and returns the thread's state.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint> PyEval_SaveThread = (delegate* unmanaged[Cdecl]<nint>)Export();

    /// <summary>Waits for the GIL with that state; does not return once the interpreter is finalizing.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint, void> PyEval_RestoreThread = (delegate* unmanaged[Cdecl]<nint, void>)Export();
}
