using System.Net;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Waitress.Http;

/// <summary>
/// The link of an exchange on HTTP/2. Kestrel uses the object of a stream again for a later one of the same connection, and with it the
/// exchange and this. A stream is over when its client resets it; how fast the client takes bytes can't be seen on the socket, which other streams share.
/// </summary>
internal sealed class StreamLink(Http2Wire wire, IHttpRequestLifetimeFeature lifetime, IHttp2StreamIdFeature stream) : ExchangeLink
{
    private volatile bool _lost;
    private Action? _closed;
    private CancellationTokenRegistration _watch;

    public override bool IsMultiplexed => true;

    public override EndPoint? LocalEndPoint => wire.LocalEndPoint;

    public override bool ClientGone => _lost || lifetime.RequestAborted.IsCancellationRequested;

    public override bool ClientLeft => ClientGone;

    public override bool HasMore => true;

    public override bool ClientGaveUp(long since) => ClientGone;

    public override void ClientLost() => _lost = true;

    public override void ExchangeStarted()
    {
        _lost = false;
        wire.ExchangeStarted();
    }

    public override void Watch(Action left, long since)
    {
        StopWatching();
        _watch = lifetime.RequestAborted.UnsafeRegister(static left => ((Action)left!)(), left);
    }

    public override void StopWatching() => _watch.Unregister(); // Not Dispose, which waits for a callback that is under way.

    public override void WhenClosed(Action action) => _closed += action;

    public override Task? SendHintAsync(IReadOnlyList<string> links) =>
        EarlyHint.Frame(stream.StreamId, links) is { } frame ? wire.SendAsync(frame) : null;

    public override void ExchangeEnded()
    {
        wire.ExchangeEnded();
        _closed?.Invoke();
        _closed = null;
    }

    /// <summary>The work is at most a block (64 KiB), which has to be taken in that time: Kestrel does not show how much of it is left, so a rate can't be told.</summary>
    public override async ValueTask<bool> TakesAsync(Task work, TimeSpan patience, long least)
    {
        await work.WaitAsync(patience, TimeProvider.System).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return work.IsCompleted;
    }
}
