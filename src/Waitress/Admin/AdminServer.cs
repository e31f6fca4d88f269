// Metrics, health and status on an address of their own.
// Receives the board of the figures and the settings; serves GET and HEAD of a few paths by a Kestrel of its own, in the supervisor or, without one, in
// the process that serves. Promises: an answer while every worker is busy, hung or gone, since nothing here needs Python or a worker, except
// where a worker is asked what it does, and then with a limit of time; nothing here counts against connection_limit or in the metrics.
// AdminServer opens, starts and ends it, on the thread that runs the server; requests are answered on the I/O thread and .NET's pool.
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Listening;
using Waitress.Telemetry;

namespace Waitress.Admin;

/// <summary>The server of the admin address.</summary>
internal sealed class AdminServer : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    /// <summary>Scrapers, probes and a few people's pages; one more takes the place of the oldest.</summary>
    public const int MostConnections = 64;

    private const int Backlog = 64;

    // At the stop of the service: for answers that are being sent.
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<ListenSocket> _sockets;
    private readonly AdminApplication _application;
    private readonly Mailbox _log;
    private readonly SocketConnectionContextFactory _contexts;
    private readonly KestrelServer _kestrel;
    private readonly List<AdminListener> _listeners = [];
    private readonly AdminConnections _connections = new(MostConnections);
    private bool _resting;

    private AdminServer(IReadOnlyList<ListenSocket> sockets, AdminApplication application, Mailbox log)
    {
        (_sockets, _application, _log) = (sockets, application, log);
        var logs = new KestrelLog(Report);
        _contexts = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions { IOQueueCount = 1 }, logs.CreateLogger("Waitress.Admin"));
        _kestrel = new KestrelServer(Options.Create(KestrelOptions(sockets)), this, logs);
    }

    public IReadOnlyList<ListenSocket> Sockets => _sockets;

    /// <summary>
    /// Opens the address of <c>admin_listen</c>, or takes descriptors over that are bound to it; null when the setting names none. IOException with one
    /// line when it can't be had.
    /// </summary>
    public static AdminServer? Open(Settings settings, IReadOnlyList<long> inherited, AdminApplication application, Mailbox log)
    {
        if (settings.AdminListen is not { } text || AdminAddress.Parse(text) is not { } address)
            return null;
        var where = settings with { Sockets = [], UnixSocket = address.UnixPath, Listen = [text], Ipv4 = true, Ipv6 = true, Backlog = Backlog };
        var outcome = inherited.Count > 0 ? ListenSockets.TakeOver(where, inherited) : ListenSockets.Open(where);
        var sockets = outcome.SocketsOrThrow();
        application.IsLoopback = sockets.All(socket => socket.Socket.LocalEndPoint is IPEndPoint ip && IPAddress.IsLoopback(ip.Address));
        return new AdminServer(sockets, application, log);
    }

    /// <summary>Begins to answer.</summary>
    public void Start()
    {
        _application.Start();
        _kestrel.StartAsync(_application, CancellationToken.None).GetAwaiter().GetResult();
        foreach (var socket in _sockets)
        {
            if (!_resting)
                _log.Post(LogEvent.AdminServing, socket.Url);
        }
    }

    /// <summary>Leaves the address to another process that holds the socket too, or comes back to it; before the start too.</summary>
    public void Rest(bool resting)
    {
        _application.Closing = _resting = resting;
        foreach (var listener in _listeners)
            listener.Rest(resting);
    }

    /// <summary>Ends; answers under way have a moment.</summary>
    public async Task StopAsync()
    {
        using var limit = new CancellationTokenSource(StopTime);
        await _kestrel.StopAsync(limit.Token);
    }

    /// <summary>Lets go of what is left.</summary>
    /// <param name="unlink">Whether to remove the file of a unix socket: not where another process serves behind it.</param>
    public void Close(bool unlink)
    {
        if (!unlink)
            _listeners.ForEach(listener => listener.LeaveFile());
        _kestrel.Dispose(); // Stops too, where nobody has.
        if (_listeners.Count == 0)
        {
            foreach (var socket in _sockets)
                socket.Close(unlink);
        }

        _contexts.Dispose();
        _application.Dispose();
    }

    public void Dispose() => Close(unlink: true);

    public bool CanBind(EndPoint endpoint) => endpoint is ListenEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = new AdminListener(((ListenEndPoint)endpoint).Socket, endpoint, _contexts, _connections);
        listener.Rest(_resting);
        _listeners.Add(listener);
        return new ValueTask<IConnectionListener>(listener);
    }

    private static KestrelServerOptions KestrelOptions(IReadOnlyList<ListenSocket> sockets)
    {
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxRequestBodySize = 0; // No request here has one.
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        foreach (var socket in sockets)
            options.Listen(new ListenEndPoint(socket), static endPoint => endPoint.Protocols = HttpProtocols.Http1);
        return options;
    }

    private void Report(LogLevel level, string text, Exception? exception)
    {
        if (level >= LogLevel.Error)
            _log.Post(LogEvent.EngineFault, exception?.ToString() ?? text);
    }
}
