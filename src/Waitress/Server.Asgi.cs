using Waitress.Asgi;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Metrics;
using Waitress.Transport;
using Waitress.Wsgi;

namespace Waitress;

/// <summary>Serving asynchronous apps: requests go to event loops instead of the queue.</summary>
internal sealed partial class Server
{
    private readonly EventLoops _loops;
    private LoopWatch? _loopWatch;
    private Poller? _poller;
    private string _interface; // auto until the first interpreter has imported the app; guarded by the lock while that may change.

    /// <summary>Of the loops in the main interpreter.</summary>
    public LoopHome LoopHome { get; }

    // Not the settings alone: of class interpreter they say auto.
    private bool HasLoops => IsAsgi || _settings.ServesWebSockets;

    private bool IsAsgi => Volatile.Read(ref _interface) == Settings.Asgi;

    /// <summary>
    /// What kind of app it is, where interpreters import it: the first says, before the server starts. What is in force, for the later ones: the
    /// app may be another by then, but the server's way of a request is laid.
    /// </summary>
    public string Decide(string interfaceOfApp)
    {
        lock (_gate)
        {
            if (_interface == Settings.Auto)
                Volatile.Write(ref _interface, interfaceOfApp);
            return _interface;
        }
    }

    /// <summary>An event loop that runs on the calling thread, attached.</summary>
    /// <param name="interpreter">Where it runs.</param>
    /// <param name="app">The app.</param>
    /// <param name="tools">waitress._asgi.Tools.</param>
    /// <param name="wakeDescriptor">Where a byte makes the loop call <see cref="EventLoop.Drain"/>.</param>
    /// <param name="home">What the loops of that interpreter share.</param>
    /// <param name="isOnly">Whether no other loop will be there, so that all connections may be its own.</param>
    public EventLoop AddLoop(Interpreter interpreter, PyRef app, PyRef tools, int wakeDescriptor, LoopHome home, bool isOnly)
    {
        if (isOnly && IsAsgi && OperatingSystem.IsLinux())
            _poller = new Poller(_listeners.WriteBuffer);
        var loop = new EventLoop(interpreter, app, tools, wakeDescriptor, _settings, _log, home, _poller);
        _loops.Add(loop);
        _listeners.Poller = _poller;
        return loop;
    }

    /// <summary>The loop is to end while others go on. Any thread.</summary>
    public void Retire(EventLoop loop) => _loops.Retire(loop);

    /// <summary>The loop has ended. Called attached, on its thread.</summary>
    public void RemoveLoop(EventLoop loop)
    {
        lock (_gate)
        {
            _loops.Remove(loop);
            if (loop.Home != LoopHome && !Homes.Contains(loop.Home))
                _formerCollectors = CollectorFigures.Kept(_formerCollectors, loop.Home.Collector);
        }

        loop.Dispose();
    }

    // Of the interpreters that have loops and no pool.
    private IEnumerable<LoopHome> Homes => IsAsgi ? _loops.All.Select(loop => loop.Home).Distinct() : [];
}
