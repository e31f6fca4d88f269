// The wire of one connection, between the socket and Kestrel.
// Receives every byte that Kestrel reads and writes; hands them on. Promises: a chunked body that breaks RFC 9112 fails to be
// read; a request that Kestrel refuses gets a text, and a report for the log; a request that is on its way when the
// server stops still arrives. In an exchange that is not chunked it costs a forwarded call per call.
// Runs on whatever thread Kestrel works the connection on, one at a time; only the stop comes from another thread.
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Waitress.Guards;
using Waitress.Listening;

namespace Waitress.Http;

/// <summary>A request that was refused before an application could see it, for the log.</summary>
/// <param name="Remote">The peer.</param>
/// <param name="Status">The status that it got.</param>
/// <param name="Reason">Kestrel's words; they quote the input with control characters escaped.</param>
/// <param name="Refusal">The row of the table.</param>
internal sealed record RefusedRequest(EndPoint? Remote, int Status, string Reason, Refusal Refusal);

/// <summary>What all wires of a server share.</summary>
/// <param name="Ident">The <c>ident</c> setting.</param>
/// <param name="Clock">For <c>Date</c> and the waits.</param>
/// <param name="Log">Where Kestrel's reasons arrive.</param>
/// <param name="Refused">Told of each refused request, on the connection's thread.</param>
/// <param name="IsRetiring">Whether a stop is of this worker alone.</param>
internal sealed record WireOptions(
    string? Ident, TimeProvider Clock, KestrelLog Log, Action<RefusedRequest>? Refused = null, Func<bool>? IsRetiring = null);

/// <summary>
/// Wraps the transport of a connection. The application finds it as a connection feature
/// (<c>features.Get&lt;WireGuard&gt;()</c>) and tells it when an exchange starts and ends.
/// </summary>
internal sealed class WireGuard : ExchangeLink, IDuplexPipe, IConnectionLifetimeNotificationFeature, IDisposable
{
    // A stop finds connections whose request is under way: one that has sent nothing yet is most likely new, and gets a second; one
    // that has been served gets what a request already on the machine needs to reach us.
    private static readonly TimeSpan GraceForNew = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan GraceForIdle = TimeSpan.FromMilliseconds(50);

    // Where others go on serving nobody waits for this worker's end, and clients should not notice it: one that is busy sends its next request
    // within this time, and is told in the answer that the connection ends. One that is idle for longer loses an idle connection.
    private static readonly TimeSpan GraceOfRetiring = TimeSpan.FromSeconds(3);

    private readonly ConnectionContext _connection;
    private readonly WireOptions _options;
    private readonly IConnectionLifetimeNotificationFeature _notification;
    private readonly WireReader _reader;
    private readonly WireWriter _writer;
    private readonly CancellationTokenSource _stop = new();
    private Action? _closed;
    private int _awaitsRequest;
    private int _isStopping;

    private WireGuard(ConnectionContext connection, WireOptions options, IConnectionLifetimeNotificationFeature notification)
    {
        _connection = connection;
        _options = options;
        _notification = notification;
        _reader = new WireReader(connection.Transport.Input, this);
        _writer = new WireWriter(connection.Transport.Output, this);
        Client = new ClientPresence(connection, options.Clock);
    }

    /// <summary>
    /// The first violation of the chunked body being read, or null. Reading the body throws BadHttpRequestException when it is set,
    /// before the app sees the bytes concerned; final once the body has been read to its end.
    /// </summary>
    public override Refusal? ChunkError => _reader.ChunkError;

    public override bool IsMultiplexed => false;

    public override void Watch(Action left, long since) => Client.Watch(left, since);

    public override void StopWatching() => Client.StopWatching();

    public override EndPoint? LocalEndPoint => _connection.LocalEndPoint;

    public override bool ClientGone => Client.Gone;

    public override bool ClientLeft => Client.Ended;

    public override bool HasMore => Client.HasSent || _reader.HasMore;

    /// <summary>Whether the client is still there.</summary>
    public ClientPresence Client { get; }

    /// <summary>Whether an application has the request.</summary>
    public bool InExchange { get; private set; }

    PipeReader IDuplexPipe.Input => _reader;

    PipeWriter IDuplexPipe.Output => _writer;

    /// <summary>Grace that a stop gives this connection for a request that is on its way.</summary>
    internal TimeSpan GraceBeforeClose =>
        _options.IsRetiring?.Invoke() == true ? GraceOfRetiring : _reader.HasRead ? GraceForIdle : GraceForNew;

    internal TimeProvider Clock => _options.Clock;

    // Kestrel serves nothing more on a connection that is told of the stop while it does not wait for a request: before its first read, and from the
    // head of an answer to the next read. Ours is told with such a read at the earliest. So a connection accepted as the stop came is served
    // one request, with Connection: close; and so is one whose last answer had left without it, and whose client may be sending already.
    CancellationToken IConnectionLifetimeNotificationFeature.ConnectionClosedRequested
    {
        get => _stop.Token;
        set => _notification.ConnectionClosedRequested = value;
    }

    void IConnectionLifetimeNotificationFeature.RequestClose() => _notification.RequestClose();

    /// <summary>Puts a wire around every connection of an endpoint.</summary>
    public static void Use(ListenOptions endPoint, WireOptions options) =>
        endPoint.Use(next => connection => RunAsync(connection, next, options));

    public override void WhenClosed(Action action) => _closed += action;

    public override void ExchangeStarted()
    {
        InExchange = true;
        Volatile.Write(ref _awaitsRequest, 0);
    }

    public override void ExchangeEnded() => InExchange = false;

    public override void BeginChunkedBody() => _reader.BeginChunkedBody();

    public override bool ClientGaveUp(long since) => Client.GaveUp(since);

    public override void ClientLost() => Client.Lost();

    public override ValueTask<bool> TakesAsync(Task work, TimeSpan patience, long least) =>
        SocketProgress.WaitAsync(work, Client.Socket, patience, least, TimeProvider.System);

    public void Dispose() => _stop.Dispose();

    /// <summary>Kestrel reads, and no application has a request.</summary>
    internal void OnReadOfHead()
    {
        if (_awaitsRequest != 0)
            return; // A further read of the same head.
        Interlocked.Exchange(ref _awaitsRequest, 1);
        StopIfDue();
    }

    /// <summary>Reports a refusal and makes the answer to it.</summary>
    internal byte[] Refuse(Refusal refusal)
    {
        var reason = _options.Log.TakeReason(_connection.ConnectionId) ?? refusal.Detail;
        _options.Refused?.Invoke(new RefusedRequest(_connection.RemoteEndPoint, refusal.Status, reason, refusal));
        return RefusalText.Answer(refusal, _options.Ident, _options.Clock.GetUtcNow());
    }

    private static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, WireOptions options)
    {
        var transport = connection.Transport;
        var notification = connection.Features.Get<IConnectionLifetimeNotificationFeature>()!;
        using var wire = new WireGuard(connection, options, notification);
        connection.Transport = wire;
        connection.Features.Set(wire);
        connection.Features.Set<IConnectionLifetimeNotificationFeature>(wire);
        // Disposed before the wire: that waits for a stop that is being told right now, which would find its source disposed.
        await using var stop = notification.ConnectionClosedRequested.UnsafeRegister(static wire => ((WireGuard)wire!).OnStop(), wire);
        try
        {
            await next(connection);
            await Lingering.DrainAsync(transport.Input, connection.Features.Get<IConnectionSocketFeature>()?.Socket,
                expectMore: wire._writer.Refused is not null || wire.ChunkError is not null, options.Clock);
        }
        finally
        {
            connection.Transport = transport;
            wire.Client.Dispose();
            wire._closed?.Invoke();
            connection.Features.Set(notification);
            options.Log.TakeReason(connection.ConnectionId);
        }
    }

    private void OnStop()
    {
        Interlocked.Exchange(ref _isStopping, 1);
        StopIfDue();
    }

    // Both sides set their flag before they look at the other's, so one of them at least sees both; telling twice does no harm.
    private void StopIfDue()
    {
        if (Volatile.Read(ref _awaitsRequest) != 0 && Volatile.Read(ref _isStopping) != 0)
            _stop.Cancel();
    }
}
