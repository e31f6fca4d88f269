using System.Collections.Concurrent;
using System.Reflection;

namespace Waitress.CPython.Tests.Harness;

/// <summary>
/// A CPython inside the test process, one for the assembly. In production Python loads us; here we load a libpython, globally, so that
/// its symbols are found where an interpreter's own would be. One thread made it, keeps the GIL and runs what touches Python.
/// </summary>
public sealed class PythonProcess : IDisposable
{
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;

    public PythonProcess()
    {
        // As large as a main thread's: Python's own limit on recursion counts on it.
        thread = new Thread(Run, 16 * 1024 * 1024) { IsBackground = true, Name = "python" };
        thread.Start();
        Do(() => Libpython.Initialize(Path.Combine(Repository, "python")));
    }

    public static string Repository { get; } = typeof(PythonProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(entry => entry.Key == "RepositoryRoot").Value!;

    /// <summary>Runs it on the Python thread, attached.</summary>
    public void Do(Action action) => Begin(action).GetAwaiter().GetResult();

    public T Do<T>(Func<T> function)
    {
        T? result = default;
        Do(() => { result = function(); });
        return result!;
    }

    public Task Begin(Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        work.Add(() =>
        {
            try
            {
                action();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    public void Dispose()
    {
        // The interpreter stays until the process ends: what .NET still holds may not outlive it.
        work.CompleteAdding();
        thread.Join();
        work.Dispose();
    }

    private void Run()
    {
        foreach (var action in work.GetConsumingEnumerable())
            action();
    }
}

[CollectionDefinition(nameof(PythonProcess))]
public sealed class OnePython : ICollectionFixture<PythonProcess>;
