using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// A second interpreter in the process, with a GIL, modules and memory of its own (PEP 684, CPython 3.12 and newer).
///
/// Lives on one Python thread of the main interpreter: <see cref="Run"/> is called there attached, makes the interpreter, calls the body
/// attached to it, ends it and returns attached to the main one. Threads that the body starts belong to the new interpreter; all
/// must have ended before it can be ended, since CPython ends the process otherwise (<see cref="IsAlone"/>).
/// No Python object may pass from one interpreter to another, except the immortal ones (None, built-in types).
/// </summary>
internal static unsafe class SubInterpreter
{
    // PyInterpreterConfig_OWN_GIL of pylifecycle.h.
    private const int OwnGil = 2;

    // CPython up to 3.13 makes and ends interpreters one at a time only: the static types of extension modules (datetime, decimal) have counters
    // and lists that all interpreters share, and two ends at once free them twice. Waited for detached from the main interpreter.
    private static readonly Lock OneAtATime = new();

    /// <summary>How a run ended.</summary>
    public enum Outcome
    {
        /// <summary>The interpreter is gone.</summary>
        Ended,

        /// <summary>Threads of the app still run in it: it stays until the process ends.</summary>
        Left,
    }

    public static bool IsSupported => Api.Py_NewInterpreterFromConfig != null;

    /// <summary>Whether the calling thread is attached to another interpreter than the first one.</summary>
    public static bool IsCurrent => Api.PyInterpreterState_Get() != Api.PyInterpreterState_Main();

    /// <summary>Whether the attached thread is the only one of its interpreter. Exact: threads come and go with the GIL held.</summary>
    public static bool IsAlone
    {
        get
        {
            var first = Api.PyInterpreterState_ThreadHead(Api.PyInterpreterState_Get());
            return first == Api.PyThreadState_Get() && Api.PyThreadState_Next(first) == 0;
        }
    }

    /// <summary>Makes an interpreter, runs the body in it and ends it. The body must leave no Python error set and not throw.</summary>
    /// <exception cref="RaiseException">CPython could not make one (memory).</exception>
    public static Outcome Run(Action body)
    {
        var config = new Config
        {
            // A child of fork() would have only this interpreter's thread and the engine's state of all; exec() would end the others' work.
            // The module subprocess works all the same.
            AllowFork = 0,
            AllowExec = 0,
            AllowThreads = 1,
            // Libraries start daemon threads for their housekeeping. One that is left at the end keeps the interpreter (Outcome.Left).
            AllowDaemonThreads = 1,
            // With memory and a GIL of its own, an extension that knows of neither would corrupt it: it is refused at its import.
            CheckExtensions = 1,
            Gil = OwnGil,
        };
        nint state, caller;
        var status = Make(&config, &state, &caller);
        if (status.Kind != 0)
            throw new RaiseException(PythonError.Fault.Runtime, $"Python could not make an interpreter: {Marshal.PtrToStringUTF8(status.Message)}");
        body();
        if (IsAlone)
        {
            lock (OneAtATime)
                Api.Py_EndInterpreter(state);
            Api.PyEval_RestoreThread(caller);
            return Outcome.Ended;
        }

        Api.PyEval_SaveThread();
        Api.PyEval_RestoreThread(caller);
        return Outcome.Left;
    }

    private static Status Make(Config* config, nint* state, nint* caller)
    {
        *caller = Api.PyEval_SaveThread();
        lock (OneAtATime)
        {
            Api.PyEval_RestoreThread(*caller);
            return Api.Py_NewInterpreterFromConfig(state, config);
        }
    }

    /// <summary>
    /// Calls the body attached to the main interpreter and returns attached to the caller's: for the few things that only that one may
    /// do. The body gets and leaves no Python object.
    /// </summary>
    public static void InMain(Action body)
    {
        var state = Api.PyThreadState_New(Api.PyInterpreterState_Main());
        var caller = Api.PyEval_SaveThread();
        Api.PyEval_RestoreThread(state);
        try
        {
            body();
        }
        finally
        {
            Api.PyThreadState_Clear(state);
            Api.PyThreadState_DeleteCurrent();
            Api.PyEval_RestoreThread(caller);
        }
    }

    /// <summary>PyInterpreterConfig (3.12 to 3.14).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Config
    {
        public int UseMainMemory, AllowFork, AllowExec, AllowThreads, AllowDaemonThreads, CheckExtensions, Gil;
    }

    /// <summary>PyStatus.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Status
    {
        public int Kind;
        public nint Function, Message;
        public int ExitCode;
    }
}
