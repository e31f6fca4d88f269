using Waitress.Http;
using Waitress.Metrics;
using Waitress.Telemetry;

namespace Waitress;

/// <summary>The end: of requests, in their order, then of everything that the server has opened.</summary>
internal sealed partial class Server
{
    /// <summary>
    /// Stops accepting, lets requests in flight end for up to graceful_timeout, closes the connections, sends the workers home.
    /// Returns at once; <see cref="Ended"/> tells. Not graceful, or called again so: connections are closed at once.
    /// </summary>
    public void Stop(bool graceful) => Stop(graceful, retiring: false);

    /// <summary>
    /// The graceful stop of one worker among others that go on: connections that nobody has accepted yet are left to them, and clients with an
    /// idle connection have longer to learn of its end.
    /// </summary>
    public void Retire() => Stop(graceful: true, retiring: true);

    private void Stop(bool graceful, bool retiring)
    {
        lock (_gate)
        {
            if (Ended)
                return;
            if (!graceful)
                _atOnce.Cancel();
            if (_stopping)
                return;
            _stopping = true;

            // At once, not on the other thread: an answer that begins after the stop was told announces the end of its connection.
            _inFlight.BeginDrain(retiring);
            TellState(ServiceState.Stopping);
            if (retiring)
                _listeners.LeaveBacklog();
            _slot?.BeginDrain();
            _loops.BeginStop();
        }

        _ = Task.Run(StopAsync);
    }

    /// <summary>Releases what is left, except what a worker still uses that is stuck in the app. Called attached.</summary>
    public void Dispose()
    {
        _listeners.Dispose(); // First: the acceptor polls the sockets.
        foreach (var socket in _sockets)
            socket.Dispose();
        _kestrel.Dispose();
        DisposeGuards();
        _slot?.Dispose();
        CloseAdmin();
        _sweep.Dispose();
        _certificates?.Dispose();
        _watcher.Dispose();
        _atOnce.Dispose();
        _pool?.Dispose();
        _accessLog?.Dispose();
    }

    private async Task StopAsync()
    {
        try
        {
            if (_start is not null)
            {
                await _start;
                await new GracefulStop(_settings, _kestrel, _inFlight, _log).RunAsync(_atOnce.Token);
            }
        }
        catch (Exception e)
        {
            _log.Post(LogEvent.EngineFault, e);
        }

        // The queue last: once it is closed the workers go home, and whoever waits for them disposes what is left.
        _spans?.BeginStop();
        _accessLog?.Stop();
        _metrics?.Stop();
        _spans?.Join();
        _watcher.Stop();
        _queue.Close();
        _loops.Close();
        _loopWatch?.Dispose();
        _slot?.End();
        _guards.TellRest();
        if (_admin is not null)
            await _admin.StopAsync();
        lock (_gate)
            Ended = true;
        _log.Wake();
    }
}
