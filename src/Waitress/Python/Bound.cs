using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Listening;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>The sockets of a service as a supervisor sees them, which opens them for its workers and accepts nothing itself.</summary>
internal static class Bound
{
    /// <summary>bind(environ, inherited): binds and listens, or takes over what an older supervisor left; OSError with one line.</summary>
    public static PyNew Open(PyArguments arguments, Settings settings, Interpreter interpreter)
    {
        var inherited = PyValues.ToList(arguments[1]).OfType<long>().ToArray();
        var activated = inherited.Length > 0 || settings.ListenStated
            ? []
            : InheritedSockets.FromSystemd(PyValues.ToTexts(arguments[0]), Environment.ProcessId);
        var outcome = inherited.Length > 0 ? ListenSockets.TakeOver(settings, inherited) : ListenSockets.Open(settings, activated);
        var sockets = outcome.SocketsOrThrow();
        foreach (var socket in sockets)
            socket.IsTls = settings.Tls;
        using var types = PyObjects.Import("types"u8).OrThrow();
        using var make = PyObjects.GetAttribute(types, "SimpleNamespace"u8).OrThrow();
        using var bound = PyObjects.Call(make).OrThrow();
        AddSockets(bound, sockets, activated.Count > 0);
        var close = new Function("close", 1, values => Close(sockets, PyObjects.IsTrue(values[0])));
        Add(bound, "close"u8, close.ToPython(interpreter.CallableType.Ref));
        return bound.Move();
    }

    /// <summary>What the engine and the supervisor's binding have in common: where they listen.</summary>
    /// <param name="owner">The Python object that tells them.</param>
    /// <param name="sockets">Where the app is served.</param>
    /// <param name="activated">Whether they are systemd's.</param>
    /// <param name="others">Further sockets that a child of fork() must not keep.</param>
    public static void AddSockets(PyRef owner, IReadOnlyList<ListenSocket> sockets, bool activated, params IReadOnlyList<ListenSocket> others)
    {
        Add(owner, "urls"u8, PyValues.FromList(sockets.Select(socket => socket.Url)));
        Add(owner, "listen"u8, Listen(sockets));
        Add(owner, "activated"u8, PyNumbers.From(activated));
        Add(owner, "descriptors"u8, PyValues.FromList(sockets.Concat(others).Select(socket => (object?)socket.Descriptor)));
    }

    public static void Add(PyRef owner, ReadOnlySpan<byte> name, PyNew value)
    {
        using var owned = value.OrThrow();
        if (!PyObjects.SetAttribute(owner, name, owned))
            throw PythonException.Take();
    }

    private static PyNew Listen(IReadOnlyList<ListenSocket> sockets)
    {
        using var list = PySequences.NewList();
        foreach (var socket in sockets)
            PySequences.Append(list, PySequences.Pair(PyTexts.FromText(socket.Host), PyTexts.FromText(socket.Port)));
        return list.Move();
    }

    private static PyNew Close(IReadOnlyList<ListenSocket> sockets, bool unlink)
    {
        foreach (var socket in sockets)
            socket.Close(unlink);
        return Singletons.NewNone();
    }
}
