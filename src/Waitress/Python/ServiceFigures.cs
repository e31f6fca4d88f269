using System.Text;
using Waitress.Admin;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Metrics;
using Waitress.Otlp;
using Waitress.Telemetry;
using Waitress.Wsgi;

namespace Waitress.Python;

/// <summary>
/// The figures of a service as its supervisor keeps them, and the admin address that tells of them: a namespace of functions. Called on the supervisor's one
/// thread; what wants to be told to it comes as a byte on its descriptor.
/// </summary>
internal static class ServiceFigures
{
    /// <summary>
    /// figures(descriptor, slots, wake_fd, inherited, app, urls): makes the board in that file, and opens the admin address or takes over what an older
    /// supervisor left; OSError with one line when that can't be had.
    /// </summary>
    public static PyNew Open(PyArguments arguments, Settings settings, Interpreter interpreter)
    {
        var board = MetricBoard.Create((int)PyNumbers.ToInt64(arguments[0]), (int)PyNumbers.ToInt64(arguments[1]));
        var log = new Mailbox((int)PyNumbers.ToInt64(arguments[2]));
        var inherited = PyValues.ToList(arguments[3]).OfType<long>().ToArray();
        var service = board.OfService;
        (service[Fact.Pid], service[Fact.Started]) = (Environment.ProcessId, Now());
        var told = new Service(board)
        {
            Python = PythonVersion.Number,
            App = PyTexts.ToText(arguments[4]),
            Listen = [.. PyValues.ToList(arguments[5]).OfType<string>()],
        };
        var questions = new Questions(TimeProvider.System);
        var activity = new AskedActivity(questions, log.Wake);
        var application = new AdminApplication(told, settings, activity);
        var admin = AdminServer.Open(settings, inherited, application, log);
        var exporter = MetricsExporter.From(settings, told, log, TimeProvider.System);
        using var types = PyObjects.Import("types"u8).OrThrow();
        using var make = PyObjects.GetAttribute(types, "SimpleNamespace"u8).OrThrow();
        using var figures = PyObjects.Call(make).OrThrow();
        var type = interpreter.CallableType.Ref;
        Bound.Add(figures, "descriptors"u8, PyValues.FromList((admin?.Sockets ?? []).Select(socket => (object?)socket.Descriptor)));
        Bound.Add(figures, "listen"u8, PyValues.FromList((admin?.Sockets ?? []).Select(socket => (object?)new List<object?> { socket.Host, socket.Port })));
        Add(figures, type, "start", 0, _ => Start(admin, application, exporter));
        Add(figures, type, "rest", 1, values => admin?.Rest(PyObjects.IsTrue(values[0])));
        Add(figures, type, "begin", 4, values => Begin(board, values));
        Add(figures, type, "state", 2, values => board.OfSlot(Slot(values))[Fact.State] = WorkerStates.Number(PyTexts.ToText(values[1])));
        Add(figures, type, "end", 1, values => board.Fold(Slot(values)));
        Add(figures, type, "restarted", 1, values => Restarted(board, PyTexts.ToText(values[0])));
        Add(figures, type, "service", 3, values => Tell(board, values));
        Add(figures, type, "close", 1, values => Close(admin, application, exporter, log, PyObjects.IsTrue(values[0])));
        Add(figures, type, "answer", 2, values => questions.Answer(PyNumbers.ToInt64(values[0]), values[1].IsNone ? null : PyTexts.ToText(values[1])));
        Bound.Add(figures, "questions"u8, new Function("questions", 0, _ => Asked(activity)).ToPython(type));
        Bound.Add(figures, "status"u8, new Function("status", 1, values => Status(application, PyTexts.ToText(values[0]))).ToPython(type));
        Bound.Add(figures, "events"u8, new Function("events", 0, _ => Engine.Events(log)).ToPython(type));
        return figures.Move();
    }

    private static void Add(PyRef figures, PyRef type, string name, int count, Action<PyArguments> action)
    {
        var function = new Function(name, count, values =>
        {
            action(values);
            return Singletons.NewNone();
        });
        Bound.Add(figures, Encoding.UTF8.GetBytes(name + '\0'), function.ToPython(type));
    }

    // begin(slot, pid, name, generation): a worker was started there.
    private static void Begin(MetricBoard board, PyArguments values)
    {
        var slot = board.OfSlot(Slot(values));
        slot[Fact.Started] = Now();
        (slot[Fact.Name], slot[Fact.Generation]) = (PyNumbers.ToInt64(values[2]), PyNumbers.ToInt64(values[3]));
        slot[Fact.State] = WorkerStates.Number("starting");
        slot[Fact.Pid] = PyNumbers.ToInt64(values[1]);
    }

    // restarted(reason): the first of the known words in it counts.
    private static void Restarted(MetricBoard board, string reason)
    {
        var index = Array.FindIndex(WorkerReasons.Names, name => reason.Contains(name, StringComparison.Ordinal));
        if (index >= 0)
            board.OfService.Add(MetricTable.Restarts.Place + index, 1);
    }

    // service(state, wanted, generation)
    private static void Tell(MetricBoard board, PyArguments values)
    {
        var service = board.OfService;
        service[Fact.State] = (long)Enum.Parse<ServiceState>(PyTexts.ToText(values[0]), ignoreCase: true);
        (service[Fact.Name], service[Fact.Generation]) = (PyNumbers.ToInt64(values[1]), PyNumbers.ToInt64(values[2]));
    }

    // questions(): (number, "activity" or "stack", slot, request) each.
    private static PyNew Asked(AskedActivity activity) =>
        PyValues.FromList(activity.Take().Select(question => (object?)new List<object?> { question.Number, question.What, question.Slot, question.Request }));

    // status(reports): /status.json with what the workers have told, in the form of the answer to "activity"; for the control socket.
    private static PyNew Status(AdminApplication application, string told)
    {
        var (reports, partial) = AskedActivity.Read(told);
        return PyTexts.FromText(Encoding.UTF8.GetString(application.Status(reports, partial)));
    }

    // Without an address too: waitress-ctl top wants to see the minutes before it was called.
    private static void Start(AdminServer? admin, AdminApplication application, MetricsExporter? exporter)
    {
        exporter?.Start();
        if (admin is null)
            application.Start();
        else
            admin.Start();
    }

    private static void Close(AdminServer? admin, AdminApplication application, MetricsExporter? exporter, Mailbox log, bool unlink)
    {
        // The workers are gone, so this is the last word. Detached: it waits for the collector.
        using (PythonThread.Detach())
        {
            exporter?.Stop();
            exporter?.Dispose();
        }

        admin?.Close(unlink);
        application.Dispose();
        log.Dispose();
    }

    private static int Slot(PyArguments values) => (int)PyNumbers.ToInt64(values[0]);

    private static long Now() => (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
}
