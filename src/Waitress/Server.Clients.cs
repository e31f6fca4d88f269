using System.Net;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress;

/// <summary>Who is kept out of the server.</summary>
internal sealed partial class Server
{
    private readonly GuardCounts _guards;
    private readonly ClientGuard? _clients;

    /// <summary>How many were kept out, by reason.</summary>
    public GuardCounts Guards => _guards;

    private Application NewApplication() => new(_settings, _queue, _limits, _watcher, _inFlight, _sweep, _log, _observed, _clients, _guards, _service, _live, HasLoops ? _loops.Enqueue : null, _spans?.Tracer);

    private void RefusedOnTheWire(RefusedRequest refused)
    {
        if (refused.Status == Refusal.RequestTimeout.Status)
            _guards.Note(GuardReason.SlowHead, refused.Remote);
        _clients?.Charge((refused.Remote as IPEndPoint)?.Address);
        _figures.RecordRefused(refused.Refusal);
        _log.Post(LogEvent.Refused, refused.Remote, refused.Status, refused.Reason);
        _accessLog?.Add(refused);
    }

    private void DisposeGuards()
    {
        _clients?.Dispose();
        _guards.Dispose();
    }
}
