using Waitress.CPython;
using Waitress.Telemetry;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>
/// One worker of class interpreter, as both interpreters see it: a namespace of functions for waitress._interpreters in the main one
/// and another for waitress._interpreter in the worker's own. Only texts and numbers pass between the two. The thread that calls run() is
/// a Python thread of the main interpreter and, as long as it is in there, the main thread of the other.
/// </summary>
internal sealed class InterpreterWorker(InterpreterTask task, Mailbox log) : IDisposable
{
    private const string Starting = "starting", Serving = "serving", Failed = "failed", Ended = "ended", Left = "left";

    private readonly TaskCompletionSource _decided = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly AutoResetEvent _orders = new(false);
    private volatile string _state = Starting, _problem = "";
    private volatile bool _leaving;

    /// <summary>For the main interpreter. Runs attached to it, as do the functions.</summary>
    public PyNew ToPython(Interpreter interpreter)
    {
        using var made = NewNamespace();
        var type = interpreter.CallableType.Ref;
        Engine.Add(made, "name"u8, PyTexts.FromText(task.Name));
        Engine.Add(made, "run"u8, new Function("run", 0, _ => Run()).ToPython(type));
        Engine.Add(made, "wait"u8, new Function("wait", 0, _ => Detached(() => _decided.Task.Wait())).ToPython(type));
        Engine.Add(made, "state"u8, new Function("state", 0, _ => State()).ToPython(type));
        Engine.Add(made, "leave"u8, new Function("leave", 0, _ => Leave()).ToPython(type));
        return made.Move();
    }

    public void Dispose() => _orders.Dispose();

    private PyNew State() => PySequences.Pair(PyTexts.FromText(_state), PyTexts.FromText(_problem));

    private PyNew Leave()
    {
        _leaving = true;
        _orders.Set();
        return Singletons.NewNone();
    }

    private PyNew Run()
    {
        try
        {
            var outcome = SubInterpreter.Run(Serve);
            if (_state != Failed)
                _state = outcome == SubInterpreter.Outcome.Ended ? Ended : Left;
        }
        catch (RaiseException e)
        {
            Fail(e.Message);
        }

        Decide();
        return State();
    }

    // Attached to the worker's own interpreter, as is all that follows.
    private void Serve()
    {
        try
        {
            using var interpreter = Interpreter.Create();
            using var sys = PyObjects.Import("sys"u8).OrThrow();
            Engine.Add(sys, "path"u8, PyValues.FromList(task.Path));
            Engine.Add(sys, "argv"u8, PyValues.FromList(task.Arguments));
            using var module = PyObjects.Import("waitress._interpreter"u8).OrThrow();
            using var serve = PyObjects.GetAttribute(module, "serve"u8).OrThrow();
            using var inside = Inside(interpreter);
            PyObjects.Call(serve, inside).OrThrow().Dispose();
        }
        catch (Exception e)
        {
            // Before the app was loaded: told as its failure. After it: a bug of ours.
            if (_state == Starting)
                Fail(e.Message);
            else
                log.Post(LogEvent.EngineFault, e);
        }
    }

    private PyNew Inside(Interpreter interpreter)
    {
        using var made = NewNamespace();
        var type = interpreter.CallableType.Ref;
        Engine.Add(made, "name"u8, PyTexts.FromText(task.Name));
        Engine.Add(made, "app"u8, PyTexts.FromText(task.App));
        Engine.Add(made, "call"u8, PyNumbers.From(task.Call));
        Engine.Add(made, "admit"u8, new Function("admit", 2, Admit).ToPython(type));
        Engine.Add(made, "serving"u8, new Function("serving", 0, _ => SetServing()).ToPython(type));
        Engine.Add(made, "failed"u8, new Function("failed", 1, values => Fail(PyTexts.ToText(values[0]))).ToPython(type));
        Engine.Add(made, "wait"u8, new Function("wait", 0, _ => Detached(() => _orders.WaitOne())).ToPython(type));
        Engine.Add(made, "leaving"u8, new Function("leaving", 0, _ => PyNumbers.From(_leaving)).ToPython(type));
        Engine.Add(made, "alone"u8, new Function("alone", 0, _ => PyNumbers.From(SubInterpreter.IsAlone)).ToPython(type));
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

    private PyNew SetServing()
    {
        _state = Serving;
        Decide();
        return Singletons.NewNone();
    }

    private PyNew Fail(string problem)
    {
        (_problem, _state) = (problem, Failed);
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
