using Waitress.Asgi;
using Waitress.Configuration;
using Waitress.CPython;
using Waitress.Wsgi;

namespace Waitress;

/// <summary>Serving asynchronous apps: requests go to event loops instead of the queue.</summary>
internal sealed partial class Server
{
    private readonly EventLoops _loops = new();
    private LoopWatch? _loopWatch;
    private volatile long[] _loopCollector = [];

    private bool HasLoops => _settings.ServesWebSockets;

    private bool IsAsgi => _settings.Interface == Settings.Asgi;

    /// <summary>What Python's garbage collector has done where no pool is: as Pool.Collector.</summary>
    public void TellCollector(long[] figures) => _loopCollector = figures;

    /// <summary>An event loop that runs on the calling thread, attached.</summary>
    /// <param name="interpreter">Where it runs.</param>
    /// <param name="app">The app.</param>
    /// <param name="tools">waitress._asgi.Tools.</param>
    /// <param name="wakeDescriptor">Where a byte makes the loop call <see cref="EventLoop.Drain"/>.</param>
    public EventLoop AddLoop(Interpreter interpreter, PyRef app, PyRef tools, int wakeDescriptor)
    {
        var loop = new EventLoop(interpreter, app, tools, wakeDescriptor, _settings, _log);
        _loops.Add(loop);
        return loop;
    }

    /// <summary>The loop has ended. Called attached, on its thread.</summary>
    public void RemoveLoop(EventLoop loop)
    {
        _loops.Remove(loop);
        loop.Dispose();
    }
}
