using System.Runtime.InteropServices;
using Waitress.Admin;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Http;
using Waitress.Tls;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>
/// The border to the Python package: what `import waitress._native` gives. Receives calls on attached Python threads and
/// turns them into calls of the configuration and of <see cref="Server"/>. The package's _native.pyi is its description.
/// </summary>
internal static class Module
{
    /// <summary>Fills the module, once per interpreter.</summary>
    public static void Populate(PyRef module)
    {
        SocketEngine.Configure();
        var interpreter = Interpreter.Create();
        Add(module, "build"u8, PyTexts.FromText(Build));
        Add(module, interpreter, "command_line"u8, new Function("command_line", 1, ParseCommandLine));
        Add(module, interpreter, "help_text"u8, new Function("help_text", 2, HelpText));
        Add(module, interpreter, "configure"u8, new Function("configure", 5, arguments => Configure(arguments, interpreter)));
        Add(module, interpreter, "control_pipe"u8, new Function("control_pipe", 1, arguments => OpenControlPipe(arguments, interpreter)));
        if (!OperatingSystem.IsWindows())
            AddForkHooks(module, interpreter);
    }

    /// <summary>What the build is: version, framework, compiler, platform.</summary>
    public static string Build { get; } =
        $"{typeof(Module).Assembly.GetName().Version?.ToString(3)}, {RuntimeInformation.FrameworkDescription}"
        + $"{(System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported ? "" : " NativeAOT")}, {RuntimeInformation.RuntimeIdentifier}";

    // Here and not in the package's own start: the hooks are needed exactly from the moment on at which .NET runs.
    private static void AddForkHooks(PyRef module, Interpreter interpreter)
    {
        Add(module, interpreter, "before_fork"u8, Hook("before_fork", Fork.Before));
        Add(module, interpreter, "after_fork_in_parent"u8, Hook("after_fork_in_parent", Fork.AfterInParent));
        Add(module, interpreter, "after_fork_in_child"u8, Hook("after_fork_in_child", Fork.AfterInChild));
        using var hooks = PyObjects.Import("waitress._fork"u8).OrThrow();
        using var install = PyObjects.GetAttribute(hooks, "install"u8).OrThrow();
        PyObjects.Call(install, module).OrThrow().Dispose();

        static Function Hook(string name, Action action) => new(name, 0, _ =>
        {
            action();
            return Singletons.NewNone();
        });
    }

    /// <summary>control_pipe(name): a <see cref="ControlPipe"/> as a namespace of functions; OSError with one line.</summary>
    private static PyNew OpenControlPipe(PyArguments arguments, Interpreter interpreter)
    {
        var pipe = ControlPipe.Open(PyTexts.ToText(arguments[0]), TimeProvider.System);
        using var types = PyObjects.Import("types"u8).OrThrow();
        using var make = PyObjects.GetAttribute(types, "SimpleNamespace"u8).OrThrow();
        using var made = PyObjects.Call(make).OrThrow();
        Add(made, interpreter, "take"u8, new Function("take", 0, _ => Take(pipe)));
        Add(made, interpreter, "answer"u8, new Function("answer", 1, values =>
        {
            pipe.Answer(PyTexts.ToText(values[0]));
            return Singletons.NewNone();
        }));
        Add(made, interpreter, "close"u8, new Function("close", 0, _ =>
        {
            using (PythonThread.Detach())
                pipe.Dispose();
            return Singletons.NewNone();
        }));
        return made.Move();
    }

    private static PyNew Take(ControlPipe pipe)
    {
        string? line;
        using (PythonThread.Detach())
            line = pipe.Take();
        return line is null ? Singletons.NewNone() : PyTexts.FromText(line);
    }

    private static PyNew ParseCommandLine(PyArguments arguments)
    {
        var words = PyValues.ToList(arguments[0]).Select(word => word as string ?? "").ToArray();
        var result = CommandLine.Parse(words);
        return PyValues.FromDictionary(new Dictionary<string, object?>
        {
            ["app"] = result.App,
            ["call"] = result.Call,
            ["help"] = result.Help,
            ["version"] = result.Version,
            ["config"] = result.Config,
            ["check_config"] = result.CheckConfig,
            ["values"] = result.Values,
            ["errors"] = result.Errors,
        });
    }

    private static PyNew HelpText(PyArguments arguments) =>
        PyTexts.FromText(CommandLine.Help(PyTexts.ToText(arguments[0]), (int)PyNumbers.ToInt64(arguments[1])));

    private static PyNew Configure(PyArguments arguments, Interpreter interpreter)
    {
        var outcome = SettingsReader.Read(new SettingsSources
        {
            CommandLine = PyValues.ToDictionary(arguments[0]),
            Environment = PyValues.ToTexts(arguments[1]),
            File = PyValues.ToDictionary(arguments[2]),
            FileName = arguments[3].IsNone ? null : PyTexts.ToText(arguments[3]),
            Keywords = PyValues.ToDictionary(arguments[4]),
        });
        // What the files hold is judged here as well, so that everything that is wrong is told at once.
        var errors = outcome.Errors.ToList();
        var certificates = outcome.Settings is null ? null : CertificateFiles.Open(outcome.Settings, errors);
        using var answer = PyValues.FromDictionary(new Dictionary<string, object?>
        {
            ["errors"] = errors,
            ["warnings"] = outcome.Warnings,
            ["report"] = outcome.Report,
            ["values"] = errors.Count == 0 ? outcome.Values : new Dictionary<string, object?>(),
            ["bind"] = null,
            ["open"] = null,
            ["figures"] = null,
        });
        if (answer.IsNull)
            return default;
        if (outcome.Settings is { } settings && errors.Count == 0)
        {
            var bind = new Function("bind", 2, values => Bound.Open(values, settings, interpreter));
            var open = new Function("open", 5, values => Engine.Open(values, settings, certificates, interpreter));
            var figures = new Function("figures", 6, values => ServiceFigures.Open(values, settings, interpreter));
            if (!PyDicts.Set(answer, "figures", figures.ToPython(interpreter.CallableType.Ref))
                || !PyDicts.Set(answer, "bind", bind.ToPython(interpreter.CallableType.Ref))
                || !PyDicts.Set(answer, "open", open.ToPython(interpreter.CallableType.Ref)))
                return default;
        }

        return answer.Move();
    }

    private static void Add(PyRef module, Interpreter interpreter, ReadOnlySpan<byte> name, Function function) =>
        Add(module, name, function.ToPython(interpreter.CallableType.Ref));

    private static void Add(PyRef module, ReadOnlySpan<byte> name, PyNew value)
    {
        using var owned = value.OrThrow();
        if (!PyObjects.SetAttribute(module, name, owned))
            throw PythonException.Take();
    }
}
