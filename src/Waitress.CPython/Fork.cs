namespace Waitress.CPython;

/// <summary>
/// What os.fork() in an app means for the engine. In the child only the forking thread exists, so managed code must not wait there
/// for any other thread, and above all must not collect garbage: a collection first stops the other threads, which is waiting
/// for ever. Python calls these hooks around each fork (waitress._fork); they make sure that
/// no collection runs at the moment of the fork (it would leave its stop flag set, on which the child's next call of ours hangs)
/// and that the child has room to allocate the little it needs without one. From then on the child refuses every call into the
/// engine, and ends itself where it would return into the engine (<see cref="EndIfChild"/>).
/// subprocess, os.system and os.posix_spawn run no hooks and need none: their child runs no code of ours before exec.
/// </summary>
internal static unsafe class Fork
{
    /// <summary>
    /// What all threads may allocate while somebody forks, and the child after it, before a collection is due. A fork takes about a
    /// millisecond, in which a busy server allocates some tens of KiB; reserved only, a page counts when it is touched.
    /// </summary>
    private const long Room = 4 * 1024 * 1024;

    private const string Refusal =
        "the Waitress engine does not work in a forked child: .NET can't be forked once it runs. Serve before any fork, start the "
        + "child by subprocess or multiprocessing's 'spawn', or fork before the first server is made";

    private static volatile bool inChild;

    /// <summary>True in a process that was forked from the one in which the engine was started.</summary>
    public static bool InChild => inChild;

    /// <summary>In the parent, before the fork: from here on no collection runs. Several threads may be about to fork.</summary>
    public static void Before()
    {
        lock (Parent.Gate)
        {
            if (Parent.Forking++ > 0)
                return;
            try
            {
                Parent.Quiet = GC.TryStartNoGCRegion(Room);
            }
            catch (InvalidOperationException)
            {
                Parent.Quiet = false; // Somebody else has such a region in force, which serves us as well.
            }
        }
    }

    /// <summary>In the parent, after the fork, also after one that failed.</summary>
    public static void AfterInParent()
    {
        lock (Parent.Gate)
        {
            if (--Parent.Forking > 0 || !Parent.Quiet)
                return;
            Parent.Quiet = false;
            try
            {
                GC.EndNoGCRegion();
            }
            catch (InvalidOperationException)
            {
                // The room was used up meanwhile: the collection that was due has ended the region.
            }
        }
    }

    /// <summary>In the child. Takes no lock: its owner may not exist here.</summary>
    public static void AfterInChild() => inChild = true;

    /// <summary>The answer to every call into the engine in the child.</summary>
    public static PyNew Refuse() => PythonError.Raise(PythonError.Fault.Runtime, Refusal);

    /// <summary>
    /// To be asked where Python returns to the engine. In the child of a fork there is no server to return to: waitress._fork.leave
    /// gets the exception with which the app left, if any, and ends the process.
    /// </summary>
    public static void EndIfChild()
    {
        if (inChild)
            End();
    }

    private static void End()
    {
        using var error = PythonError.Take();
        using var module = PyObjects.Import("waitress._fork"u8);
        using var leave = module.IsNull ? default : PyObjects.GetAttribute(module, "leave"u8);
        if (!leave.IsNull)
        {
            var cells = stackalloc nint[1];
            cells[0] = error.IsNull ? Singletons.None : error.Pointer;
            Api.PyObject_Vectorcall(leave, cells, 1, default).Dispose();
        }

        Environment.FailFast("waitress: a forked child could not be ended");
    }

    // Apart from the flag above, which every call reads: a class with an initializer is checked at each access.
    private static class Parent
    {
        public static readonly Lock Gate = new();
        public static int Forking;
        public static bool Quiet;
    }
}
