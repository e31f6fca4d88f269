namespace Waitress.CPython;

internal static unsafe partial class Api
{
    /// <summary>3.12 and newer. Gives up the caller's GIL and returns with the new interpreter's; when it fails, with the caller's.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint*, SubInterpreter.Config*, SubInterpreter.Status> Py_NewInterpreterFromConfig =
        (delegate* unmanaged[Cdecl]<nint*, SubInterpreter.Config*, SubInterpreter.Status>)Optional();

    /// <summary>Ends the process when the interpreter has another thread state than the given one; returns without any GIL.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint, void> Py_EndInterpreter = (delegate* unmanaged[Cdecl]<nint, void>)Export();

    public static readonly delegate* unmanaged[Cdecl]<nint> PyInterpreterState_Main = (delegate* unmanaged[Cdecl]<nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<nint> PyInterpreterState_Get = (delegate* unmanaged[Cdecl]<nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<nint, nint> PyInterpreterState_ThreadHead = (delegate* unmanaged[Cdecl]<nint, nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<nint> PyThreadState_Get = (delegate* unmanaged[Cdecl]<nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<nint, nint> PyThreadState_Next = (delegate* unmanaged[Cdecl]<nint, nint>)Export();

    /// <summary>The innermost Python frame of a thread, which must be alive and of this interpreter; null when it runs no Python code.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint, PyNew> PyThreadState_GetFrame = (delegate* unmanaged[Cdecl]<nint, PyNew>)Export();

    /// <summary>Needs no GIL; the state is put in force by PyEval_RestoreThread.</summary>
    public static readonly delegate* unmanaged[Cdecl]<nint, nint> PyThreadState_New = (delegate* unmanaged[Cdecl]<nint, nint>)Export();
    public static readonly delegate* unmanaged[Cdecl]<nint, void> PyThreadState_Clear = (delegate* unmanaged[Cdecl]<nint, void>)Export();

    /// <summary>Deletes the state that is in force and gives its GIL up.</summary>
    public static readonly delegate* unmanaged[Cdecl]<void> PyThreadState_DeleteCurrent = (delegate* unmanaged[Cdecl]<void>)Export();
}
