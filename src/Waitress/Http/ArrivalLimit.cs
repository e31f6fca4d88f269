using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Waitress.Http;

/// <summary>
/// How long a connection may take to say what it is (the TLS handshake, the first bytes of HTTP): a time, or, once the server stops, what a
/// new connection has for its first request then.
/// </summary>
internal sealed class ArrivalLimit : IDisposable
{
    // As WireGuard's for a connection that has sent nothing yet.
    private static readonly TimeSpan GraceAtStop = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _stop;

    public ArrivalLimit(ConnectionContext connection, TimeSpan time, TimeProvider clock)
    {
        _source = new CancellationTokenSource(time, clock);
        var notification = connection.Features.Get<IConnectionLifetimeNotificationFeature>();
        _stop = notification?.ConnectionClosedRequested.UnsafeRegister(static state => ((ArrivalLimit)state!).OnStop(), this) ?? default;
    }

    /// <summary>Cancelled when the time is up.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Whether the server stops: nothing is the client's fault then.</summary>
    public bool Stopping { get; private set; }

    /// <summary>From now on the rest may take so long.</summary>
    public void Restart(TimeSpan time)
    {
        if (!Stopping)
            _source.CancelAfter(time);
    }

    public void Dispose()
    {
        _stop.Dispose(); // First: it waits for a stop that is being told right now.
        _source.Dispose();
    }

    private void OnStop()
    {
        Stopping = true;
        _source.CancelAfter(GraceAtStop); // A Restart at the same moment would only lengthen it.
    }
}
