using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace Waitress.Listening;

/// <summary>Kestrel's end of one shared socket: gives on what the <see cref="Acceptor"/> accepted from it.</summary>
internal sealed class SharedListener(EndPoint endPoint, Acceptor acceptor) : IConnectionListener
{
    // Bounded by connection_limit, which the acceptor asks first; and Kestrel takes each at once, on the acceptor's thread.
    private readonly Channel<ConnectionContext> _accepted = Channel.CreateUnbounded<ConnectionContext>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true });

    /// <inheritdoc/>
    public EndPoint EndPoint => endPoint;

    public void Add(ConnectionContext connection) => _accepted.Writer.TryWrite(connection);

    /// <summary>Nothing more comes; what was added is still given on.</summary>
    public void Complete() => _accepted.Writer.TryComplete();

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _accepted.Reader.WaitToReadAsync(CancellationToken.None))
        {
            if (_accepted.Reader.TryRead(out var connection))
                return connection;
        }

        return null;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        acceptor.Stop();
        return default;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        acceptor.Stop();
        return default;
    }
}
