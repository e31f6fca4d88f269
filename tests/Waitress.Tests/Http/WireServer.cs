using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Listening;
using Waitress.Processes;
using Waitress.Transport;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Waitress.Tests.Http;

/// <summary>A real Kestrel on real sockets, put together as the server does it, with an application that echoes.</summary>
internal sealed class WireServer
    : IHttpApplication<IFeatureCollection>, IConnectionListenerFactory, IConnectionListenerFactorySelector, IAsyncDisposable
{
    private readonly ListenerFactory _factory;
    private readonly KestrelServer _server;
    private readonly WorkerSlot? _slot;
    private int _accepted;
    private volatile bool _retiring;
    private volatile bool _draining;

    private WireServer(Settings settings, IReadOnlyList<ListenSocket> sockets, TimeProvider clock, Action<bool>? crowded, WorkerSlot? slot, bool polled = false)
    {
        _slot = slot;
        var log = new KestrelLog((_, message, e) => Reports.Add($"{message} {e}"));
        var wire = new WireOptions(settings.Ident, clock, log, Refused.Add, () => _retiring);
        Gate = new ConnectionGate(settings.ConnectionLimit, clock, crowded, slot);
        _factory = new ListenerFactory(settings, Gate, log, Reports.Add, slot);
        if (polled)
        {
            // Without a loop, whose thread would poll: one of the poller's own does.
            _factory.Poller = new Poller(_factory.WriteBuffer);
            _factory.Poller.Leave();
        }

        _server = new KestrelServer(Options.Create(KestrelSetup.Options(settings, sockets, wire)), this, log);
        Socket = sockets[0];
    }

    public ListenSocket Socket { get; }
    public ConnectionGate Gate { get; }
    public ConcurrentBag<RefusedRequest> Refused { get; } = [];
    public ConcurrentBag<string> Reports { get; } = [];
    public ConcurrentBag<Dictionary<string, string>> Served { get; } = [];
    /// <summary>Connections that Kestrel got.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    public List<string> AgentInstances { get; } = [];

    /// <summary>The pool that the transport of the last connection takes its blocks from.</summary>
    public MemoryPool<byte>? Memory { get; private set; }

    /// <summary>Runs before the answer; a test blocks an exchange with it.</summary>
    public Func<Task>? BeforeAnswer { get; set; }

    /// <summary>Runs when the answer has been sent and the exchange has not ended yet.</summary>
    public Func<Task>? AfterAnswer { get; set; }

    public static async Task<WireServer> StartAsync(Settings? settings = null, TimeProvider? clock = null, Action<bool>? crowded = null, bool polled = false)
    {
        settings ??= new Settings { Listen = ["127.0.0.1:0"] };
        var outcome = ListenSockets.Open(settings);
        Assert.Empty(outcome.Errors);
        var server = new WireServer(settings, outcome.Sockets, clock ?? TimeProvider.System, crowded, null, polled);
        await server._server.StartAsync(server, CancellationToken.None);
        return server;
    }

    /// <summary>As a worker among others, on a socket that they share.</summary>
    public static async Task<WireServer> StartAsync(ListenSocket shared, WorkerSlot slot, Settings? settings = null)
    {
        var server = new WireServer(settings ?? new Settings(), [shared], TimeProvider.System, null, slot);
        await server._server.StartAsync(server, CancellationToken.None);
        slot.Start();
        server._factory.Start();
        return server;
    }

    public async Task<WireClient> ConnectAsync()
    {
        var endPoint = Socket.Socket.LocalEndPoint!;
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(endPoint);
        return new WireClient(socket);
    }

    /// <summary>The stop that leaves the backlog to the others.</summary>
    public Task RetireAsync()
    {
        _retiring = true;
        _factory.LeaveBacklog();
        return StopAsync();
    }

    public Task StopAsync() => StopAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token);

    private Task StopAsync(CancellationToken patience)
    {
        _draining = true;
        _slot?.BeginDrain();
        return _server.StopAsync(patience);
    }

    public bool CanBind(EndPoint endpoint) => _factory.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new CountingListener(this, await _factory.BindAsync(endpoint, cancellationToken));

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures)
    {
        var wire = contextFeatures.Get<WireGuard>()!;
        wire.ExchangeStarted();
        var headers = contextFeatures.Get<IHttpRequestFeature>()!.Headers;
        if (headers.TransferEncoding.Count > 0)
            wire.BeginChunkedBody();
        Memory = contextFeatures.Get<IMemoryPoolFeature>()?.MemoryPool;
        lock (AgentInstances)
            AgentInstances.Add(headers.UserAgent.ToString());
        return contextFeatures;
    }

    public async Task ProcessRequestAsync(IFeatureCollection context)
    {
        var request = context.Get<IHttpRequestFeature>()!;
        var response = context.Get<IHttpResponseFeature>()!;
        var body = context.Get<IHttpResponseBodyFeature>()!;
        var wire = context.Get<WireGuard>()!;
        var received = new MemoryStream();
        Refusal? refusal = null;
        try
        {
            await request.Body.CopyToAsync(received);
        }
        catch (BadHttpRequestException)
        {
            refusal = Refusal.BadRequest;
        }

        refusal = wire.ChunkError ?? refusal;
        if (refusal is not null)
        {
            var text = RefusalText.Body(refusal, "waitress");
            response.StatusCode = refusal.Status;
            response.Headers.Connection = "close";
            response.Headers.ContentType = RefusalText.ContentType;
            response.Headers.ContentLength = text.Length;
            await body.Writer.WriteAsync(text);
            return;
        }

        Served.Add(request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        if (_draining)
            response.Headers.Connection = "close"; // As ResponseWriter has it from the moment of the stop on.
        if (BeforeAnswer is { } wait)
            await wait();
        var answer = Encoding.Latin1.GetBytes($"{request.Method} {request.RawTarget} {Encoding.Latin1.GetString(received.ToArray())}");
        response.Headers.ContentLength = answer.Length;
        await body.Writer.WriteAsync(answer);
        if (AfterAnswer is { } hold)
            await hold();
    }

    public void DisposeContext(IFeatureCollection context, Exception? exception) => context.Get<WireGuard>()!.ExchangeEnded();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _server.Dispose();
        _factory.Dispose();
        _factory.Poller?.Dispose();
    }

    private sealed class CountingListener(WireServer server, IConnectionListener inner) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var connection = await inner.AcceptAsync(cancellationToken);
            if (connection is not null)
                Interlocked.Increment(ref server._accepted);
            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

/// <summary>A client that sends bytes as given and reads what comes back.</summary>
internal sealed class WireClient(Socket socket) : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    public Socket Socket => socket;

    public async Task SendAsync(IEnumerable<byte[]> pieces)
    {
        if (socket.AddressFamily != AddressFamily.Unix)
            socket.NoDelay = true;
        try
        {
            foreach (var piece in pieces)
                await socket.SendAsync(piece);
        }
        catch (SocketException)
        {
            // Refused before all was sent: what was answered is still to be read.
        }
    }

    public Task SendAsync(string text) => SendAsync([Encoding.Latin1.GetBytes(text)]);

    public async Task<string> ReadToEndAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        var all = new StringBuilder();
        var buffer = new byte[4096];
        while (true)
        {
            var count = await socket.ReceiveAsync(buffer, patience.Token);
            if (count == 0)
                return all.ToString();
            all.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
    }

    /// <summary>Sends and reads at the same time: a refusal may come, and the connection close, before all is sent.</summary>
    public async Task<string> ExchangeAsync(string how, string request)
    {
        var answer = ReadToEndAsync();
        await SendAsync(Segmentation.Divide(how, Encoding.Latin1.GetBytes(request)));
        return await answer;
    }

    public async Task<string> ReadUntilAsync(string end)
    {
        using var patience = new CancellationTokenSource(s_patience);
        var all = new StringBuilder();
        var buffer = new byte[1];
        while (!all.ToString().EndsWith(end, StringComparison.Ordinal))
        {
            Assert.NotEqual(0, await socket.ReceiveAsync(buffer, patience.Token));
            all.Append((char)buffer[0]);
        }

        return all.ToString();
    }

    public void Dispose() => socket.Dispose();
}

/// <summary>Ways to divide bytes into writes; a parser that sees all of them right sees any right.</summary>
internal static class Segmentation
{
    public static readonly string[] Ways = ["whole", "bytes", "lines", "cr|lf"];

    public static IEnumerable<byte[]> Divide(string how, byte[] bytes)
    {
        var start = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            var cut = how switch
            {
                "bytes" => true,
                "lines" => bytes[i] == '\n',
                "cr|lf" => bytes[i] == '\r',
                _ => false,
            };
            if (!cut)
                continue;
            yield return bytes[start..(i + 1)];
            start = i + 1;
        }

        if (start < bytes.Length)
            yield return bytes[start..];
    }
}
