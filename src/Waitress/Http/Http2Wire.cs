// The wire of an HTTP/2 connection, between the socket (or TLS) and Kestrel.
// Receives the bytes of Kestrel's frames; hands them on. Promises: a connection whose client takes nothing for channel_timeout is cut off;
// one on which no request has run for channel_timeout ends, whatever else is sent on it, and one that is flooded with frames that bring
// nothing on ends at once; at a stop the client is told not to
// send more (GOAWAY), and a request that is on its way still arrives.
// Runs on whatever thread Kestrel works the connection on; looks come from Kestrel's heartbeat, the stop from another thread.
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Waitress.Http;

/// <summary>What all HTTP/2 wires of a server share.</summary>
/// <param name="Wire">What they share with those of HTTP/1.</param>
/// <param name="Patience">channel_timeout.</param>
/// <param name="LeastPerSecond">min_response_rate, of the connection as a whole.</param>
/// <param name="TakesWebSockets">Whether clients may ask for WebSockets.</param>
/// <param name="Failed">Told the peer and the reason when a client's mistake, or too much of something, has ended a connection.</param>
internal sealed record Http2Options(WireOptions Wire, TimeSpan Patience, long LeastPerSecond, bool TakesWebSockets, Action<EndPoint?, string>? Failed = null);

/// <summary>Wraps the transport of a connection, among whose features it is found.</summary>
internal sealed class Http2Wire : IDuplexPipe, IConnectionLifetimeNotificationFeature, IDisposable
{
    // As WireGuard's: a new connection has a second for its first request, one that was used what a request on the machine needs to reach us.
    private static readonly TimeSpan GraceForNew = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan GraceForIdle = TimeSpan.FromMilliseconds(50);

    // Between GOAWAY and the cut, for what Kestrel still has to send.
    private static readonly TimeSpan LastGrace = TimeSpan.FromSeconds(5);

    private readonly ConnectionContext _connection;
    private readonly Http2Options _options;
    private readonly IConnectionLifetimeNotificationFeature _notification;
    private readonly CancellationTokenSource _stop = new();
    private readonly TimeProvider _clock;
    private readonly Http2WireReader _reader;
    private readonly Http2WireWriter _writer;
    private long _quietSince;
    private int _exchanges;
    private bool _used, _failed;
    private int _ended, _announces;

    private Http2Wire(ConnectionContext connection, Http2Options options, IConnectionLifetimeNotificationFeature notification)
    {
        (_connection, _options, _notification, _clock) = (connection, options, notification, options.Wire.Clock);
        _quietSince = _clock.GetTimestamp();
        _reader = new Http2WireReader(connection.Transport.Input, this);
        _writer = new Http2WireWriter(connection.Transport.Output, this);
    }

    public PipeReader Input => _reader;

    public PipeWriter Output => _writer;

    public EndPoint? LocalEndPoint => _connection.LocalEndPoint;

    /// <summary>The client's socket.</summary>
    internal Socket? Socket => _connection.Features.Get<IConnectionSocketFeature>()?.Socket;

    /// <summary>Whether the client sent too much of what brings nothing on.</summary>
    internal bool IsFlooded { get; private set; }

    /// <summary>Whether the client has asked for a smaller table of header fields than the default, so that header blocks are Kestrel's alone.</summary>
    internal bool HasSmallTable => _reader.HasSmallTable;

    internal bool TakesWebSockets => _options.TakesWebSockets;

    internal TimeSpan Patience => _options.Patience;

    internal long LeastPerSecond => _options.LeastPerSecond;

    internal TimeProvider Clock => _clock;

    CancellationToken IConnectionLifetimeNotificationFeature.ConnectionClosedRequested
    {
        get => _stop.Token;
        set => _notification.ConnectionClosedRequested = value;
    }

    void IConnectionLifetimeNotificationFeature.RequestClose() => _notification.RequestClose();

    public void ExchangeStarted()
    {
        _used = true;
        Interlocked.Increment(ref _exchanges);
    }

    public void ExchangeEnded()
    {
        if (Interlocked.Decrement(ref _exchanges) == 0)
            Volatile.Write(ref _quietSince, _clock.GetTimestamp());
    }

    /// <summary>Sends a frame between two of Kestrel's; see <see cref="Http2WireWriter.SendAsync"/>.</summary>
    public Task SendAsync(byte[] frame) => _writer.SendAsync(frame);

    public void Dispose() => _stop.Dispose();

    /// <summary>Serves a connection that was found to be HTTP/2.</summary>
    public static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, Http2Options options)
    {
        var transport = connection.Transport;
        var notification = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!;
        using var wire = new Http2Wire(connection, options, notification);
        connection.Transport = wire;
        connection.Features.Set(wire);
        connection.Features.Set<IConnectionLifetimeNotificationFeature>(wire);
        connection.Features.Get<IConnectionHeartbeatFeature>()?.OnHeartbeat(static wire => ((Http2Wire)wire).Look(), wire);
        options.Wire.Log.Listen(connection.ConnectionId, (status, reason) => wire.Tell(status, reason));

        // Disposed before the wire: that waits for a stop that is being told right now, which would find its source disposed.
        await using var stop = notification.ConnectionClosedRequested.UnsafeRegister(static wire => ((Http2Wire)wire!).OnStop(), wire);
        try
        {
            await next(connection);
            await wire._writer.SettleAsync();
            // GOAWAY has been sent; a socket that is closed before the client's last bytes are read would reset the connection, and the client might
            // not see it.
            await Lingering.DrainAsync(transport.Input, wire.Socket, expectMore: true, wire._clock);
        }
        finally
        {
            Volatile.Write(ref wire._ended, 1);
            connection.Transport = transport;
            connection.Features.Set(notification);
            options.Wire.Log.Forget(connection.ConnectionId);
        }
    }

    /// <summary>True once, when the client is to be told that the server stops: RFC 9113 section 6.8 has it told before the last stream is named.</summary>
    internal bool TakeAnnouncement() => Volatile.Read(ref _announces) != 0 && Interlocked.Exchange(ref _announces, 0) != 0;

    /// <summary>The connection has no bytes from now on; on the thread that reads.</summary>
    internal void Flooded()
    {
        IsFlooded = true;
        Fail("too many frames that belong to no request (pings, settings, priorities, empty ones)");
    }

    /// <summary>The client takes nothing.</summary>
    internal void CutOff() => _connection.Abort(new ConnectionAbortedException("The client took nothing for channel_timeout"));

    private void Tell(int? status, string reason)
    {
        if (status is { } refused)
            _options.Wire.Refused?.Invoke(new RefusedRequest(_connection.RemoteEndPoint, refused, reason, WireWriter.RefusalFor(refused)));
        else
            Fail(reason);
    }

    // One reason for each connection, the first: what follows from it is told by Kestrel as well.
    private void Fail(string reason)
    {
        if (_failed)
            return;
        _failed = true;
        _options.Failed?.Invoke(_connection.RemoteEndPoint, reason);
    }

    // Once a second. Kestrel ends connections without streams itself, but pings hold it off, and a stream whose last bytes the client does not
    // take counts as one that runs.
    private void Look()
    {
        if (Volatile.Read(ref _exchanges) != 0 || Volatile.Read(ref _ended) != 0)
            return;
        var quiet = _clock.GetElapsedTime(Volatile.Read(ref _quietSince));
        if (quiet > _options.Patience + LastGrace)
            _connection.Abort(new ConnectionAbortedException("No request for channel_timeout"));
        else if (quiet > _options.Patience)
            Stop();
    }

    private void OnStop()
    {
        // A client that waits for answers is told with the next one, and what it sends until it has read that is served.
        Volatile.Write(ref _announces, 1);
        _ = StopLaterAsync();
    }

    private async Task StopLaterAsync()
    {
        await Task.Delay(_used ? GraceForIdle : GraceForNew, _clock);
        // On a busy machine a request may have waited in the kernel for all of the grace.
        if (HasSent())
            await Task.Delay(GraceForIdle, _clock);
        Stop();
    }

    private bool HasSent()
    {
        try
        {
            return Volatile.Read(ref _ended) == 0 && Socket?.Available > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    private void Stop()
    {
        try
        {
            if (Volatile.Read(ref _ended) == 0)
                _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended just now.
        }
    }
}
