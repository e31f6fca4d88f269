using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Waitress.Listening;

/// <summary>An endpoint of Kestrel's without a socket: other endpoints hand it their connections.</summary>
internal sealed class HandedEndPoint : EndPoint
{
    /// <inheritdoc/>
    public override string ToString() => "connections of other endpoints";
}

/// <summary>Accepts nothing until it is unbound.</summary>
internal sealed class HandedListener(EndPoint endPoint) : IConnectionListener
{
    private readonly TaskCompletionSource<ConnectionContext?> _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc/>
    public EndPoint EndPoint => endPoint;

    /// <inheritdoc/>
    public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => new(_unbound.Task);

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _unbound.TrySetResult(null);
        return default;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => UnbindAsync();
}
