using System.Collections.Concurrent;
using Waitress.Asgi;
using Waitress.CPython;
using Waitress.Telemetry;
using Waitress.Workers;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>
/// One worker of class interpreter, as both interpreters see it: a namespace of functions for waitress._interpreters in the main one
/// and another for waitress._interpreter in the worker's own. Only texts and numbers pass between the two. The thread that calls run() is
/// a Python thread of the main interpreter and, as long as it is in there, the main thread of the other.
/// </summary>
internal sealed class InterpreterWorker(Server server, InterpreterTask task, Mailbox log)
{
    private const string Starting = "starting", Serving = "serving", Failed = "failed", NotStarted = "not started", Ended = "ended", Left = "left";

    // While its threads leave the worker looks by itself: nobody tells it when one has.
    private static readonly TimeSpan LeavingLooks = TimeSpan.FromMilliseconds(50);

    private readonly TaskCompletionSource _decided = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _signal = new();
    private bool _signalled;
    private volatile string _state = Starting, _problem = "";
    private readonly ConcurrentQueue<(string Text, TaskCompletionSource<string> Answer)> _questions = new();
    private TaskCompletionSource<string>? _current; // Of the worker's own main thread.
    private volatile bool _leaving;
    private volatile string _loopName = "", _note = "";
    private Pool? _pool; // Touched in the worker's own interpreter only, as is:
    private EventLoop? _loop; // From its begin to its end, on its thread; with the GIL.
    private LoopHome? _home;

    /// <summary>For the main interpreter. Runs attached to it, as do the functions.</summary>
    public PyNew ToPython(Interpreter interpreter)
    {
        using var made = NewNamespace();
        var type = interpreter.CallableType.Ref;
        Bound.Add(made, "name"u8, PyTexts.FromText(task.Name));
        Bound.Add(made, "run"u8, new Function("run", 0, _ => Run()).ToPython(type));
        Bound.Add(made, "wait"u8, new Function("wait", 0, _ => Detached(() => _decided.Task.Wait())).ToPython(type));
        Bound.Add(made, "state"u8, new Function("state", 0, _ => State()).ToPython(type));
        Bound.Add(made, "loop"u8, new Function("loop", 0, _ => PySequences.Pair(PyTexts.FromText(_loopName), PyTexts.FromText(_note))).ToPython(type));
        Bound.Add(made, "leave"u8, new Function("leave", 0, _ => Leave()).ToPython(type));
        Bound.Add(made, "ask"u8, new Function("ask", 2, values => Ask(PyTexts.ToText(values[0]), PyNumbers.ToDouble(values[1]))).ToPython(type));
        return made.Move();
    }

    private PyNew State() => PySequences.Pair(PyTexts.FromText(_state), PyTexts.FromText(_problem));

    private PyNew Leave()
    {
        _leaving = true;
        Signal();
        return Singletons.NewNone();
    }

    /// <summary>ask(question, seconds): what the worker's main thread answers; empty when it does not in time.</summary>
    private PyNew Ask(string question, double seconds)
    {
        var asked = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        _questions.Enqueue((question, asked));
        Signal();
        Detached(() => asked.Task.Wait(TimeSpan.FromSeconds(seconds))).Dispose();
        asked.TrySetCanceled(); // Nobody waits for it any more; Asked passes it over.
        return PyTexts.FromText(asked.Task.IsCompletedSuccessfully ? asked.Task.Result : "");
    }

    private PyNew Asked()
    {
        while (_questions.TryDequeue(out var next))
        {
            if (next.Answer.Task.IsCompleted)
                continue;
            _current = next.Answer;
            if (!_questions.IsEmpty)
                Signal();
            return PyTexts.FromText(next.Text);
        }

        return Singletons.NewNone();
    }

    private PyNew Answer(string answer)
    {
        _current?.TrySetResult(answer);
        return Singletons.NewNone();
    }

    private PyNew Run()
    {
        try
        {
            var outcome = SubInterpreter.Run(Serve);
            if (_state is Starting or Serving)
                _state = outcome == SubInterpreter.Outcome.Ended ? Ended : Left;
        }
        catch (RaiseException e)
        {
            Fail(e.Message, Failed);
        }

        Decide();
        return State();
    }

    private void Signal()
    {
        lock (_signal)
        {
            _signalled = true;
            Monitor.Pulse(_signal);
        }
    }

    private PyNew Wait(bool patiently) => Detached(() =>
    {
        lock (_signal)
        {
            if (!_signalled)
                Monitor.Wait(_signal, patiently ? Timeout.InfiniteTimeSpan : LeavingLooks);
            _signalled = false;
        }
    });

    // Attached to the worker's own interpreter, as is all that follows.
    private void Serve()
    {
        Interpreter? interpreter = null;
        try
        {
            interpreter = Interpreter.Create();
            using var sys = PyObjects.Import("sys"u8).OrThrow();
            Bound.Add(sys, "path"u8, PyValues.FromList(task.Path));
            Bound.Add(sys, "argv"u8, PyValues.FromList(task.Arguments));
            using var module = PyObjects.Import("waitress._interpreter"u8).OrThrow();
            using var serve = PyObjects.GetAttribute(module, "serve"u8).OrThrow();
            using var inside = Inside(interpreter);
            PyObjects.Call(serve, inside).OrThrow().Dispose();
            if (_pool is not null)
                server.Remove(_pool);
        }
        catch (Exception e)
        {
            // Before the app was loaded: told as its failure. After it: a bug of ours.
            if (_state == Starting)
                Fail(e.Message, Failed);
            else
                log.Post(LogEvent.EngineFault, e);
        }
        finally
        {
            PythonError.Clear();

            // A thread that is stuck in the app needs it when it comes back.
            if (SubInterpreter.IsAlone)
                interpreter?.Dispose();
        }
    }

    private PyNew Inside(Interpreter interpreter)
    {
        using var made = NewNamespace();
        var type = interpreter.CallableType.Ref;
        Bound.Add(made, "name"u8, PyTexts.FromText(task.Name));
        Bound.Add(made, "app"u8, PyTexts.FromText(task.App));
        Bound.Add(made, "call"u8, PyNumbers.From(task.Call));
        Bound.Add(made, "logging"u8, PyValues.FromDictionary(task.Logging));
        Bound.Add(made, "values"u8, PyValues.FromDictionary(task.Values));
        Bound.Add(made, "decide"u8, new Function("decide", 1, values => PyTexts.FromText(server.Decide(PyTexts.ToText(values[0])))).ToPython(type));
        Bound.Add(made, "admit"u8, new Function("admit", 2, Admit).ToPython(type));
        Bound.Add(made, "attach"u8, new Function("attach", 1, values => Attach(interpreter, values[0])).ToPython(type));
        Bound.Add(made, "loop"u8, new Function("loop", 4, values => OpenLoop(interpreter, values)).ToPython(type));
        Bound.Add(made, "frames"u8, new Function("frames", 0, _ => PythonThread.Frames()).ToPython(type));
        Bound.Add(made, "frame_of_loop"u8, new Function("frame_of_loop", 0, _ => FrameOfLoop()).ToPython(type));
        Bound.Add(made, "stop"u8, new Function("stop", 1, values => Stop(PyObjects.IsTrue(values[0]))).ToPython(type));
        Bound.Add(made, "work"u8, new Function("work", 0, _ => Work()).ToPython(type));
        Bound.Add(made, "requests"u8, new Function("requests", 0, _ => Requests()).ToPython(type));
        Bound.Add(made, "interrupt"u8, new Function("interrupt", 2,
            values => PyNumbers.From(_pool?.Interrupt(PyNumbers.ToInt64(values[0]), values[1]) ?? false)).ToPython(type));
        Bound.Add(made, "collector"u8, new Function("collector", 1, values => _home is null ? Engine.Told(_pool, values[0]) : Engine.Told(_home, values[0])).ToPython(type));
        Bound.Add(made, "frame"u8, new Function("frame", 1, values => Frame(PyNumbers.ToInt64(values[0]))).ToPython(type));
        Bound.Add(made, "retire"u8, new Function("retire", 0, _ => Retire()).ToPython(type));
        Bound.Add(made, "recycle"u8, new Function("recycle", 1, values => AskToRecycle(PyTexts.ToText(values[0]))).ToPython(type));
        Bound.Add(made, "ended"u8, new Function("ended", 0, _ => PyNumbers.From(server.Ended)).ToPython(type));
        Bound.Add(made, "serving"u8, new Function("serving", 2, values => SetServing(PyTexts.ToText(values[0]), PyTexts.ToText(values[1]))).ToPython(type));
        Bound.Add(made, "failed"u8, new Function("failed", 2, values => Fail(PyTexts.ToText(values[0]), PyObjects.IsTrue(values[1]) ? NotStarted : Failed)).ToPython(type));
        Bound.Add(made, "wait"u8, new Function("wait", 1, values => Wait(PyObjects.IsTrue(values[0]))).ToPython(type));
        Bound.Add(made, "asked"u8, new Function("asked", 0, _ => Asked()).ToPython(type));
        Bound.Add(made, "answer"u8, new Function("answer", 1, values => Answer(PyTexts.ToText(values[0]))).ToPython(type));
        Bound.Add(made, "leaving"u8, new Function("leaving", 0, _ => PyNumbers.From(_leaving)).ToPython(type));
        Bound.Add(made, "alone"u8, new Function("alone", 0, _ => PyNumbers.From(SubInterpreter.IsAlone)).ToPython(type));
        return made.Move();
    }

    /// <summary>admit(name, path): loads an extension module in the main interpreter first; see waitress._interpreter.</summary>
    private static PyNew Admit(PyArguments arguments)
    {
        var (name, path) = (PyTexts.ToText(arguments[0]), PyTexts.ToText(arguments[1]));
        SubInterpreter.InMain(() =>
        {
            using var module = PyObjects.Import("waitress._interpreter"u8);
            using var load = module.IsNull ? default : PyObjects.GetAttribute(module, "load_in_main"u8);
            using var first = PyTexts.FromText(name);
            using var second = PyTexts.FromText(path);
            using var done = load.IsNull ? default : PyObjects.Call(load, first, second);
            PythonError.Clear();
        });
        return Singletons.NewNone();
    }

    /// <summary>attach(app): the worker's pool, into which its threads come by work(). How many they are to be.</summary>
    private PyNew Attach(Interpreter interpreter, PyRef app)
    {
        _pool = server.Add(interpreter, app, Signal);
        return PyNumbers.From(_pool.Places);
    }

    /// <summary>loop(app, tools, wake_fd), on the loop's thread.</summary>
    private PyNew OpenLoop(Interpreter interpreter, PyArguments values)
    {
        _home ??= new LoopHome(new Orders(Signal));
        return Loop.Open(values, server, interpreter, _home, loop => _loop = loop);
    }

    // The loop's thread lives: it can't have gone on to its end while this one is attached.
    private PyNew FrameOfLoop()
    {
        using var frame = _loop is null ? default : PythonThread.FrameOf(_loop.ThreadState);
        return frame.IsNull ? Singletons.NewNone() : frame.Move();
    }

    private PyNew Requests() => (_pool?.Orders ?? _home?.Orders) is { } orders ? Engine.Requests(orders) : PySequences.NewList();

    private PyNew Stop(bool graceful) => Detached(() => server.Stop(graceful));

    private PyNew Work()
    {
        _pool!.Work();
        return Singletons.NewNone();
    }

    private PyNew Frame(long number)
    {
        using var frame = _pool is null ? default : _pool.Frame(number);
        return frame.IsNull ? Singletons.NewNone() : frame.Move();
    }

    private PyNew Retire()
    {
        if (_pool is not null)
            server.Retire(_pool);
        if (_loop is not null)
            server.Retire(_loop);
        return Singletons.NewNone();
    }

    // More than half of its threads are stuck: a matter of the process.
    private PyNew AskToRecycle(string reason)
    {
        server.Orders.Recycle(reason);
        return Singletons.NewNone();
    }

    // The loop's name, and what there is to say of the choice; empty for a WSGI app.
    private PyNew SetServing(string loop, string note)
    {
        (_loopName, _note, _state) = (loop, note, Serving);
        Decide();
        return Singletons.NewNone();
    }

    private PyNew Fail(string problem, string state)
    {
        (_problem, _state) = (problem, state);
        return Singletons.NewNone();
    }

    private void Decide()
    {
        _decided.TrySetResult();
        log.Wake();
    }

    private static PyNew NewNamespace()
    {
        using var types = PyObjects.Import("types"u8).OrThrow();
        using var make = PyObjects.GetAttribute(types, "SimpleNamespace"u8).OrThrow();
        return PyObjects.Call(make).OrThrow();
    }

    private static PyNew Detached(Action action)
    {
        using (PythonThread.Detach())
            action();
        return Singletons.NewNone();
    }
}
