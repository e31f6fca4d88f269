using Waitress.Asgi;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Processes;
using Waitress.Telemetry;
using Waitress.Tls;
using Waitress.Workers;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>One <see cref="Server"/> as the Python object that waitress.server drives: a namespace of functions.</summary>
internal static class Engine
{
    /// <summary>
    /// open(app, wake_fd, environ, handoff, interface): opens the sockets, or takes those that a supervisor handed to this worker process (else
    /// handoff is None); OSError with one line when that fails.
    /// </summary>
    public static PyNew Open(PyArguments arguments, Settings settings, LoadedCertificates? certificates, Interpreter interpreter)
    {
        var log = new Mailbox((int)PyNumbers.ToInt64(arguments[1]));
        var handoff = arguments[3].IsNone ? null : Handoff.From(PyValues.ToDictionary(arguments[3]));
        settings = settings with { Interface = PyTexts.ToText(arguments[4]) };
        var server = Server.Open(settings, certificates, PyValues.ToTexts(arguments[2]), handoff, interpreter, arguments[0], log);
        using var types = PyObjects.Import("types"u8).OrThrow();
        using var make = PyObjects.GetAttribute(types, "SimpleNamespace"u8).OrThrow();
        using var engine = PyObjects.Call(make).OrThrow();
        Bound.AddSockets(engine, server.Sockets, server.Activated, server.AdminSockets);
        Add(engine, "threads"u8, PyNumbers.From(settings.Interpreters > 0 ? settings.ThreadsOfWorker : server.Threads));
        var type = interpreter.CallableType.Ref;
        Add(engine, "start"u8, new Function("start", 0, _ => Detached(server.Start)).ToPython(type));
        Add(engine, "work"u8, new Function("work", 0, _ => Attached(server.Work)).ToPython(type));
        Add(engine, "stop"u8, new Function("stop", 1, values => Stop(server, PyObjects.IsTrue(values[0]))).ToPython(type));
        Add(engine, "retire"u8, new Function("retire", 0, _ => Detached(server.Retire)).ToPython(type));
        Add(engine, "reopen"u8, new Function("reopen", 0, _ => Detached(server.Reopen)).ToPython(type));
        Add(engine, "events"u8, new Function("events", 0, _ => Events(log)).ToPython(type));
        Add(engine, "requests"u8, new Function("requests", 0, _ => Requests(server.Orders)).ToPython(type));
        Add(engine, "interrupt"u8, new Function("interrupt", 2,
            values => PyNumbers.From(server.Pool?.Interrupt(PyNumbers.ToInt64(values[0]), values[1]) ?? false)).ToPython(type));
        Add(engine, "figures"u8, new Function("figures", 0, _ => PyValues.FromDictionary(server.Figures())).ToPython(type));
        Add(engine, "memory"u8, new Function("memory", 0, _ => Memory()).ToPython(type));
        Add(engine, "called"u8, new Function("called", 1, values => Called(server, PyTexts.ToText(values[0]))).ToPython(type));
        Add(engine, "collector"u8, new Function("collector", 1, values => Told(server, values[0])).ToPython(type));
        Add(engine, "activity"u8, new Function("activity", 0, _ => PyTexts.FromText(server.Activity())).ToPython(type));
        Add(engine, "thread_of"u8, new Function("thread_of", 1, values => PyNumbers.From(server.ThreadOf(PyNumbers.ToInt64(values[0])))).ToPython(type));
        Add(engine, "answer"u8, new Function("answer", 2, values => Answer(server, values)).ToPython(type));
        Add(engine, "ended"u8, new Function("ended", 0, _ => PyNumbers.From(server.Ended)).ToPython(type));
        Add(engine, "close"u8, new Function("close", 0, _ => Attached(() => Close(server, log))).ToPython(type));
        Add(engine, "loop"u8, new Function("loop", 3, values => Loop.Open(values, server, interpreter, server.LoopHome)).ToPython(type));
        Add(engine, "interpreters"u8, PyNumbers.From(settings.Interpreters));
        Add(engine, "interpreter"u8, new Function("interpreter", 7, values => NewInterpreter(values, server, log, interpreter)).ToPython(type));
        return engine.Move();
    }

    /// <summary>interpreter(name, app, call, path, argv, logging, values): a worker of class interpreter, not yet begun.</summary>
    private static PyNew NewInterpreter(PyArguments values, Server server, Mailbox log, Interpreter interpreter)
    {
        if (!SubInterpreter.IsSupported)
            return PythonError.Raise(PythonError.Fault.Runtime, "This Python can't make an interpreter with its own GIL");
        var task = new InterpreterTask(
            PyTexts.ToText(values[0]), PyTexts.ToText(values[1]), PyObjects.IsTrue(values[2]), PyValues.ToList(values[3]), PyValues.ToList(values[4]),
            PyValues.ToDictionary(values[5]), PyValues.ToDictionary(values[6]));
        return new InterpreterWorker(server, task, log).ToPython(interpreter);
    }

    private static void Add(PyRef engine, ReadOnlySpan<byte> name, PyNew value) => Bound.Add(engine, name, value);

    internal static PyNew Events(Mailbox log)
    {
        using var list = PySequences.NewList();
        foreach (var (what, text) in log.Take())
        {
            if (!PySequences.Append(list, PySequences.Triple(PyTexts.FromText(what.Logger), PyNumbers.From(what.Level), PyTexts.FromText(text))))
                return default;
        }

        return list.Move();
    }

    internal static PyNew Requests(Orders orders)
    {
        using var list = PySequences.NewList();
        var (threads, timedOut, recycle, collector, stacks) = orders.Take();
        var complete = threads == 0 || AppendTuple(list, "grow", threads);
        foreach (var late in timedOut)
            complete = complete && AppendTuple(list, "timeout", late.Thread, late.Number, late.Seconds, late.Request);
        foreach (var loop in orders.TakeStalled())
            complete = complete && AppendTuple(list, "stall", loop.Thread, loop.Seconds);
        complete = complete && (recycle is null || AppendTuple(list, "recycle", recycle)) && (!collector || AppendTuple(list, "collector"));
        foreach (var (question, request) in stacks)
            complete = complete && AppendTuple(list, "stack", question, request);
        return complete ? list.Move() : default;
    }

    private static bool AppendTuple(PyRef list, params object?[] items)
    {
        using var made = PyValues.FromList(items);
        return !made.IsNull && PySequences.Append(list, PySequences.TupleOf(made));
    }

    /// <summary>memory(): the collector's own figures, in bytes and seconds; collects nothing. What is committed is 0 before the first collection.</summary>
    private static PyNew Memory()
    {
        var last = GC.GetGCMemoryInfo();
        return PyValues.ToPython(new Dictionary<string, object?>
        {
            ["heap"] = GC.GetTotalMemory(forceFullCollection: false),
            ["committed"] = last.TotalCommittedBytes,
            ["fragmented"] = last.FragmentedBytes,
            ["collections"] = new List<object?> { GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2) },
            ["pauses"] = GC.GetTotalPauseDuration().TotalSeconds,
        });
    }

    /// <summary>collector(figures): what the interpreter's garbage collector has done.</summary>
    internal static PyNew Told(Pool? pool, PyRef figures)
    {
        if (pool is not null)
            pool.Collector = [.. PyValues.ToList(figures).OfType<long>()];
        return Singletons.NewNone();
    }

    internal static PyNew Told(LoopHome home, PyRef figures)
    {
        home.Collector = [.. PyValues.ToList(figures).OfType<long>()];
        return Singletons.NewNone();
    }

    private static PyNew Told(Server server, PyRef figures)
    {
        if (server.Pool is not null)
            return Told(server.Pool, figures);
        return Told(server.LoopHome, figures);
    }

    private static PyNew Called(Server server, string name)
    {
        server.AppName = name;
        return Singletons.NewNone();
    }

    // answer(question, text): the order "stack" is done; None: there is none.
    private static PyNew Answer(Server server, PyArguments values)
    {
        server.Questions.Answer(PyNumbers.ToInt64(values[0]), values[1].IsNone ? null : PyTexts.ToText(values[1]));
        return Singletons.NewNone();
    }

    private static PyNew Stop(Server server, bool graceful) => Detached(() => server.Stop(graceful));

    private static void Close(Server server, Mailbox log)
    {
        server.Dispose();
        log.Dispose();
    }

    private static PyNew Attached(Action action)
    {
        action();
        return Singletons.NewNone();
    }

    private static PyNew Detached(Action action)
    {
        using (PythonThread.Detach())
            action();
        return Singletons.NewNone();
    }
}
