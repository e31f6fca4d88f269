using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Waitress.Listening;

/// <summary>
/// A socket connection that is counted until it is disposed, which is when its descriptor is closed: a response that a slow reader
/// still fetches counts, though its request has ended. Kestrel reads these properties at the start of a connection, not per request.
/// </summary>
internal sealed class GatedConnection(ConnectionContext inner, ConnectionGate gate, TimeSpan patience, long least, IDisposable? place = null) : ConnectionContext
{
    private int _left;

    public override string ConnectionId { get => inner.ConnectionId; set => inner.ConnectionId = value; }
    public override IFeatureCollection Features => inner.Features;
    public override IDictionary<object, object?> Items { get => inner.Items; set => inner.Items = value; }
    public override IDuplexPipe Transport { get => inner.Transport; set => inner.Transport = value; }
    public override CancellationToken ConnectionClosed { get => inner.ConnectionClosed; set => inner.ConnectionClosed = value; }
    public override EndPoint? LocalEndPoint { get => inner.LocalEndPoint; set => inner.LocalEndPoint = value; }
    public override EndPoint? RemoteEndPoint { get => inner.RemoteEndPoint; set => inner.RemoteEndPoint = value; }

    public override void Abort() => inner.Abort();
    public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

    public override async ValueTask DisposeAsync()
    {
        try
        {
            // Ends when the client has taken what was still to be sent. One that takes nothing would keep its place for ever.
            var socket = inner.Features.Get<IConnectionSocketFeature>()?.Socket;
            var disposed = inner.DisposeAsync().AsTask();
            if (!disposed.IsCompleted && !await SocketProgress.WaitAsync(disposed, socket, patience, least, TimeProvider.System))
                inner.Abort(new ConnectionAbortedException("The client took nothing, or too little, of its answer for channel_timeout"));
            await disposed;
            await base.DisposeAsync();
        }
        finally
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                place?.Dispose();
                gate.Leave();
            }
        }
    }
}
