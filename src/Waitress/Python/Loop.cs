using Waitress.Asgi;
using Waitress.CPython;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>One <see cref="Asgi.EventLoop"/> as the Python object that waitress._asgi drives, on the loop's thread.</summary>
internal static class Loop
{
    /// <summary>loop(app, tools, wake_fd, is_only): requests come from now on.</summary>
    /// <param name="arguments">The call's.</param>
    /// <param name="server">Whose loop it is.</param>
    /// <param name="interpreter">Where it runs.</param>
    /// <param name="home">What the loops there share.</param>
    /// <param name="changed">Told of the loop, and of null when it has ended; attached.</param>
    public static PyNew Open(PyArguments arguments, Server server, Interpreter interpreter, LoopHome home, Action<EventLoop?>? changed = null)
    {
        var loop = server.AddLoop(interpreter, arguments[0], arguments[1], (int)PyNumbers.ToInt64(arguments[2]), home, PyObjects.IsTrue(arguments[3]));
        changed?.Invoke(loop);
        using var types = PyObjects.Import("types"u8).OrThrow();
        using var make = PyObjects.GetAttribute(types, "SimpleNamespace"u8).OrThrow();
        using var made = PyObjects.Call(make).OrThrow();
        var type = interpreter.CallableType.Ref;
        Bound.Add(made, "drain"u8, new Function("drain", 0, _ => PyNumbers.From(loop.Drain())).ToPython(type));
        Bound.Add(made, "descriptor"u8, new Function("descriptor", 0, _ => PyNumbers.From((long)(loop.Poller?.Descriptor ?? -1))).ToPython(type));
        Bound.Add(made, "poll"u8, new Function("poll", 0, _ => PyNumbers.From(loop.Poll())).ToPython(type));
        Bound.Add(made, "unanswered"u8, new Function("unanswered", 0, _ => PyNumbers.From((long)loop.Inbox.Open)).ToPython(type));
        Bound.Add(made, "close"u8, new Function("close", 0, _ =>
        {
            changed?.Invoke(null);
            server.RemoveLoop(loop);
            return Singletons.NewNone();
        }).ToPython(type));
        return made.Move();
    }
}
