using Waitress.CPython.Tests.Harness;

namespace Waitress.CPython.Tests;

/// <summary>Who has the GIL.</summary>
[Collection(nameof(PythonProcess))]
public sealed class PythonThreadTests(PythonProcess python)
{
    [Fact]
    public void Detach_AndAttach_AnotherThreadMayHaveTheGilMeanwhile() => python.Do(() =>
    {
        Py.Execute("""
            import threading
            ran = threading.Event()
            other = threading.Thread(target=ran.set)
            """);
        Py.Execute("other.start()");
        using (PythonThread.Detach())
        {
            // Nothing to do: other threads of Python go on while this one is out.
        }

        Py.Execute("other.join()");
        Assert.Equal("True", Py.Text("ran.is_set()"));
    });
}
