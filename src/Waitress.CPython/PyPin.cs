namespace Waitress.CPython;

/// <summary>
/// A count that lives in an object of ours: the app, a template, a cached method. It has no finalizer on purpose: the owner
/// disposes it on an attached Python thread, at the end that its documentation names.
/// </summary>
internal sealed class PyPin : IDisposable
{
    private nint _pointer;

    internal PyPin(nint pointer)
    {
        _pointer = pointer;
        LiveReferences.Added();
    }

    public PyRef Ref => new(_pointer);

    public void Dispose()
    {
        if (_pointer == 0)
            return;
        var last = new PyNew(_pointer);
        _pointer = 0;
        LiveReferences.Removed();
        last.Dispose();
    }
}

/// <summary>Counts the pins that are alive, so that the leak tests can compare a start with an end.</summary>
internal static class LiveReferences
{
    private static long count;

    public static long Count => Interlocked.Read(ref count);

    public static void Added() => Interlocked.Increment(ref count);

    public static void Removed() => Interlocked.Decrement(ref count);
}
