using System.Runtime.InteropServices;

namespace Waitress.CPython;

/// <summary>
/// The GIL side of one thread that Python made: it arrives attached, gives the GIL up while it waits, and keeps its
/// PyThreadState for life. (Making and ending a state per request halved the throughput of the prototype and would end the
/// app's threading.local data.)
/// </summary>
internal ref struct PythonThread
{
    private nint _state;

    /// <summary>The calling thread's ident, as threading.get_ident() tells it.</summary>
    public static unsafe long Ident => (long)Api.PyThread_get_thread_ident().Value;

    /// <summary>The calling thread's state, for <see cref="FrameOf"/>. Called attached.</summary>
    public static unsafe nint State => Api.PyThreadState_Get();

    /// <summary>
    /// The frame in which a thread of this interpreter is. Called attached, where something keeps the thread from ending meanwhile.
    /// sys._current_frames() makes frames of all interpreters' threads, in the memory of the one that asks, which crashes the process.
    /// </summary>
    public static unsafe PyNew FrameOf(nint state) => Api.PyThreadState_GetFrame(state);

    /// <summary>
    /// The frames in which the threads of the attached interpreter are: a list. Only from CPython 3.12 on: there no collection of Python's, which
    /// could run other threads, comes before Python code runs again, so no thread ends in between.
    /// </summary>
    public static unsafe PyNew Frames()
    {
        using var frames = PySequences.NewList();
        for (var state = Api.PyInterpreterState_ThreadHead(Api.PyInterpreterState_Get()); !frames.IsNull && state != 0; state = Api.PyThreadState_Next(state))
        {
            using var frame = FrameOf(state);
            if (!frame.IsNull && !PySequences.Append(frames, frame.Borrow().New()))
                return default;
        }

        return frames.Move();
    }

    /// <summary>
    /// Has an exception of that type raised in the thread, of this interpreter, as soon as it runs Python code: a call in C that waits is not broken off.
    /// Called attached. False: there is no such thread.
    /// </summary>
    public static unsafe bool Raise(long ident, PyRef exceptionType) =>
        Api.PyThreadState_SetAsyncExc(new CULong((nuint)ident), exceptionType) > 0;

    /// <summary>Takes back what <see cref="Raise"/> has asked for, if it has not happened yet. Called attached.</summary>
    public static unsafe void TakeBackRaise(long ident) => _ = Api.PyThreadState_SetAsyncExc(new CULong((nuint)ident), default);

    /// <summary>Gives the GIL up; the caller holds no PyRef from here on.</summary>
    public static unsafe PythonThread Detach()
    {
        // Whoever detaches is about to wait or to send, which only the parent of a fork may do.
        Fork.EndIfChild();
        return new() { _state = Api.PyEval_SaveThread() };
    }

    /// <summary>Waits for the GIL.</summary>
    public unsafe void Attach()
    {
        Api.PyEval_RestoreThread(_state);
        _state = 0;
    }

    public unsafe void DetachAgain()
    {
        Fork.EndIfChild();
        _state = Api.PyEval_SaveThread();
    }

    /// <summary>Attached again at the end, however the block was left.</summary>
    public void Dispose()
    {
        if (_state != 0)
            Attach();
    }
}
