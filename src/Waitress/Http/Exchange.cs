using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Waitress.Asgi;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Processes;
using Waitress.Response;
using Waitress.Tls;
using Waitress.Tracing;

namespace Waitress.Http;

/// <summary>
/// One request and its response in flight. Kestrel keeps one per connection (on HTTP/2: per stream at once) and reuses it, so it holds what stays
/// the same on a connection and resets the rest. Owned by one thread at a time: the I/O side until it is queued, the Python thread that
/// took it until <see cref="Complete"/>, then the I/O side again.
/// </summary>
internal sealed class Exchange : IValueTaskSource
{
    private readonly IHttpRequestBodyDetectionFeature _bodyDetection;
    private readonly IRequestBodyPipeFeature _bodyPipe;
    private readonly ExchangeLink _link;
    private readonly IHttpUpgradeFeature? _upgrade;
    private readonly IFeatureCollection _features;
    private readonly InFlight _inFlight;
    private ManualResetValueTaskSourceCore<bool> _served;
    private RequestTimes _times;
    private RequestTally _tally;

    public Exchange(IFeatureCollection features, Settings settings, IdleSweep sweep, InFlight inFlight)
    {
        // One object implements all of these in Kestrel: that of the connection, or on HTTP/2 that of a stream, which later streams of the same
        // connection use again. It keeps the exchange, so that both live equally long.
        Request = features.GetRequiredFeature<IHttpRequestFeature>();
        _bodyDetection = features.GetRequiredFeature<IHttpRequestBodyDetectionFeature>();
        _bodyPipe = features.GetRequiredFeature<IRequestBodyPipeFeature>();
        _link = (ExchangeLink?)features.Get<WireGuard>()
            ?? new StreamLink(features.GetRequiredFeature<Http2Wire>(), features.GetRequiredFeature<IHttpRequestLifetimeFeature>(), features.GetRequiredFeature<IHttp2StreamIdFeature>());
        _upgrade = features.Get<IHttpUpgradeFeature>();
        _features = features;
        Tls = features.Get<TlsSession>();
        var connection = features.GetRequiredFeature<IHttpConnectionFeature>();
        Peer = new PeerAddress(connection.RemoteIpAddress, connection.RemotePort);
        LocalPort = _link.LocalEndPoint is UnixDomainSocketEndPoint file
            ? file.ToString()!
            : connection.LocalPort.ToString(System.Globalization.CultureInfo.InvariantCulture);
        IsLocalPath = _link.LocalEndPoint is UnixDomainSocketEndPoint;
        LocalHost = IsLocalPath ? LocalPort : PeerAddress.TextOf(connection.LocalIpAddress ?? IPAddress.None);
        _inFlight = inFlight;
        Body = new RequestBody(settings, sweep);
        Response = new ResponseWriter(this, features, settings);
    }

    public IHttpRequestFeature Request { get; }

    /// <summary>Whether it is one of several at the same time on its connection (HTTP/2).</summary>
    public bool IsMultiplexed => _link.IsMultiplexed;

    /// <summary>What is known of the connection's TLS; null: there is none.</summary>
    public TlsSession? Tls { get; }

    public PeerAddress Peer { get; }

    /// <summary>The address that accepted the connection; for a unix socket its path.</summary>
    public string LocalHost { get; }

    /// <summary>Whether that is a unix socket.</summary>
    public bool IsLocalPath { get; }

    /// <summary>The text for SERVER_PORT: the bound port, for a unix socket its path.</summary>
    public string LocalPort { get; }

    /// <summary>The header fields as the app may see them.</summary>
    public HeaderList Received { get; } = new();

    /// <summary>What a trusted proxy says about the client.</summary>
    public ClientView Client { get; } = new();

    public RequestBody Body { get; }

    public ResponseWriter Response { get; }

    /// <summary>
    /// Whether this answer is to end its connection: the server stops, or another worker is to have the client's next one. To be asked once for an answer of
    /// HTTP/1, before its head leaves.
    /// </summary>
    public bool EndsConnection() => _inFlight.Draining
        || (_inFlight.Rebalancer is { } rebalancer && rebalancer.Suits(ref _tally, (Number + 1) / 2)
            && (HasBody || !_link.HasMore) && rebalancer.TryMove());

    /// <summary>Counts the beginnings and ends of the connection's requests, so it is odd within one: what Python keeps beyond its request is recognised by an older number.</summary>
    public int Number { get; private set; }

    /// <summary>Whether the request line and headers announce a body.</summary>
    public bool HasBody => _bodyDetection.CanHaveBody;

    /// <summary>Whether the request asks for a WebSocket (RFC 6455 section 4.2.1; over HTTP/2 RFC 8441 section 5).</summary>
    public bool AsksForWebSocket => IsMultiplexed
        ? WebSocketHandshake.Protocol.Equals(ConnectProtocol, StringComparison.OrdinalIgnoreCase)
        : _upgrade is { IsUpgradableRequest: true } && HttpMethods.IsGet(Request.Method)
            && WebSocketHandshake.Protocol.Equals(Request.Headers.Upgrade.ToString(), StringComparison.OrdinalIgnoreCase);

    /// <summary>What an extended CONNECT wants to speak on its stream (RFC 8441 section 4); null: the request is none.</summary>
    public string? ConnectProtocol => IsMultiplexed && HttpMethods.IsConnect(Request.Method) ? Connect?.Protocol : null;

    // Each request's own, unlike the features that are kept: Kestrel has it for CONNECT alone.
    private IHttpExtendedConnectFeature? Connect => _features.Get<IHttpExtendedConnectFeature>();

    /// <summary>Answers with 101, over HTTP/2 with 200; the connection, or the stream, is the caller's from then on.</summary>
    public Task<Stream> UpgradeAsync()
    {
        Response.Upgraded();
        return IsMultiplexed ? Connect!.AcceptAsync().AsTask() : _upgrade!.UpgradeAsync();
    }

    public bool IsChunked { get; private set; }

    /// <summary>Whether there is a body whose length the request does not tell.</summary>
    public bool HasUnknownLength => IsChunked || (IsMultiplexed && HasBody && Request.Headers.ContentLength is null);

    /// <summary>What is wrong with the chunks received so far, which Kestrel let pass.</summary>
    public Refusal? BrokenFraming => _link.ChunkError;

    /// <summary>Why the app could not read its input to the end, where it reads while the body arrives.</summary>
    public Refusal? InputRefusal { get; set; }

    public PipeReader BodyReader => _bodyPipe.Reader;

    /// <summary>Whether nobody is left to read an answer.</summary>
    public bool ClientGone => _link.ClientGone;

    /// <summary>Whether the client has closed the connection, as far as can be told without writing to it.</summary>
    public bool ClientLeft => _link.ClientLeft;

    /// <summary>Whether the client left while the request waited for a worker, so that the app need not be asked.</summary>
    public bool ClientGaveUp => _link.ClientGaveUp(Times.Queued);

    /// <summary>When the request came how far; whole once it has ended.</summary>
    public RequestTimes Times => _times;

    /// <summary>Whether it is used for no other request: a thread of the app may still be in this one, for as long as it likes.</summary>
    public bool IsSpent { get; set; }

    /// <summary>Its place in a trace, where spans are made; default otherwise.</summary>
    public RequestTrace Trace { get; set; }

    /// <summary>Kept from span to span, as long as the connection's requests are alike.</summary>
    public SpanEnds? Ends { get; set; }

    public bool IsHead => HttpMethods.IsHead(Request.Method);

    /// <summary>The target without its query, for log entries.</summary>
    public string Path => Request.RawTarget.IndexOf('?', StringComparison.Ordinal) is var end and >= 0 ? Request.RawTarget[..end] : Request.RawTarget;

    /// <summary>Completes when the Python side has done its part; its continuation runs on the thread that says so.</summary>
    public ValueTask Served => new(this, _served.Version);

    /// <summary>Method and target for other threads, which must not ask Kestrel: it makes the method's text when it is asked first.</summary>
    public (string Method, string Target) Line { get; private set; } = ("", "");

    /// <summary>Keeps <see cref="Line"/>; right after <see cref="Begin"/>.</summary>
    public void KeepLine() => Line = (Request.Method, Request.RawTarget);

    /// <summary>Calls back when the connection has ended, on HTTP/2 the request.</summary>
    public void WhenClosed(Action action) => _link.WhenClosed(action);

    /// <summary>Ready for the connection's next request.</summary>
    public void Begin()
    {
        Number++;
        _times = new RequestTimes { Began = TimeProvider.System.GetTimestamp() };
        InputRefusal = null;
        Trace = default;
        _link.ExchangeStarted();
        _served.Reset();
        Response.Reset();

        // Kestrel gives a stream that asks for another protocol (RFC 8441) another writer, which would refuse the answers of the stream's later requests.
        if (IsMultiplexed && HttpMethods.IsConnect(Request.Method))
            IsSpent = true;
        IsChunked = HasBody && Request.Headers.TransferEncoding.Count > 0;
        if (IsChunked)
            _link.BeginChunkedBody();
    }

    /// <summary>The request is complete and waits for a worker from here on.</summary>
    public void Queued() => _times.Queued = TimeProvider.System.GetTimestamp();

    /// <summary>A worker has it.</summary>
    /// <param name="at">When, as a timestamp.</param>
    /// <param name="gilWait">How long the worker waited for the GIL to take it; 0 when it had it already.</param>
    public void Taken(long at, long gilWait) => (_times.Taken, _times.GilWait) = (at, gilWait);

    /// <summary>The app and the Python side are done with it.</summary>
    public void Answered(long at) => _times.Answered = at;

    /// <summary>Calls back when the client leaves, once, on any thread; at once if it has.</summary>
    public void WatchClient(Action left) => _link.Watch(left, Times.Began);

    public void StopWatchingClient() => _link.StopWatching();

    /// <summary>A write has found that nobody reads.</summary>
    public void ClientLost() => _link.ClientLost();

    /// <summary>Waits for work that ends when the client has taken bytes; false when it took none for that long.</summary>
    public ValueTask<bool> TakesAsync(Task work, TimeSpan patience, long least) => _link.TakesAsync(work, patience, least);

    /// <summary>Sends a 103 before the answer, where the version of HTTP has a safe place for it; nothing of the answer may be sent meanwhile. Null: too many links.</summary>
    public Task? SendHintAsync(IReadOnlyList<string> links) => _link.SendHintAsync(links);

    /// <summary>Gives back what the request held; the numbers of its Python objects are out of date from here on.</summary>
    public void End()
    {
        Number++;
        Body.Dispose();
        Response.End();
        Received.Clear();
        Client.Clear();
        _link.ExchangeEnded();
    }

    /// <summary>
    /// The Python side is done. Called detached: what follows sends the response on this very thread, which saves a hand-over,
    /// and no I/O is done under the GIL.
    /// </summary>
    public void Complete() => _served.SetResult(true);

    public void GetResult(short token) => _served.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _served.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _served.OnCompleted(continuation, state, token, flags);
}

/// <summary>Who is at the other end of the connection, as text for the environ; null address: a unix socket.</summary>
internal sealed class PeerAddress(IPAddress? address, int port)
{
    public IPAddress? Address => address;

    /// <summary>"localhost" for a unix socket, as Waitress has it.</summary>
    public string Host { get; } = address is null ? "localhost"
        : TextOf(address);

    /// <summary>"None" for a unix socket, as Waitress has it.</summary>
    public string Port { get; } = address is null ? "None" : port.ToString(System.Globalization.CultureInfo.InvariantCulture);

    public static string TextOf(IPAddress address) => ClientAddress.Plain(address).ToString();

    public override string ToString() => address is null ? Host : $"{Host}:{Port}";
}
