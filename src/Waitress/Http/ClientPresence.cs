using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Waitress.Http;

/// <summary>
/// Whether the client of a connection is still there. The transport tells one thing for two: that the client has ended its sending
/// direction (a half-close, after which it may well wait for its answer) and that the connection is dead. Kestrel takes
/// both for the latter and drops the answer; so it is shown the second only. Any thread may ask.
/// </summary>
internal sealed class ClientPresence : IDisposable
{
    private static readonly TimeSpan HabitTime = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _gone = new();
    private readonly ConnectionContext _connection;
    private readonly CancellationToken _transportClosed;
    private readonly CancellationTokenRegistration _registration;
    private readonly TimeProvider _clock;
    private long _endedAt;
    private Watched? _watched;

    /// <summary>From here on the connection's own token means that it is dead.</summary>
    public ClientPresence(ConnectionContext connection, TimeProvider clock)
    {
        (_connection, _clock) = (connection, clock);
        _transportClosed = connection.ConnectionClosed;
        connection.ConnectionClosed = _gone.Token;
        _registration = _transportClosed.UnsafeRegister(static state => ((ClientPresence)state!).OnEnded(), this);
    }

    /// <summary>Whether nothing can be sent to the client any more.</summary>
    public bool Gone => _gone.IsCancellationRequested;

    /// <summary>Whether the client has ended its sending direction, or is gone.</summary>
    public bool Ended => Gone || Volatile.Read(ref _endedAt) != 0;

    /// <summary>
    /// Whether the client gave up while its request waited: it ended its direction more than a second after the request was there.
    /// One that half-closes by habit does so right behind its request.
    /// </summary>
    /// <param name="since">The timestamp at which the request was complete.</param>
    public bool GaveUp(long since) =>
        Gone || (Volatile.Read(ref _endedAt) is var ended and not 0 && _clock.GetElapsedTime(since, ended) > HabitTime);

    /// <summary>The socket, for what only it can tell.</summary>
    public Socket? Socket => _connection.Features.Get<IConnectionSocketFeature>()?.Socket;

    /// <summary>Whether bytes of the client's have arrived that nobody has read yet.</summary>
    public bool HasSent
    {
        get
        {
            try
            {
                return Socket?.Available > 0;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <summary>A write has found that nobody is there.</summary>
    public void Lost()
    {
        _gone.Cancel();
        Tell();
    }

    /// <summary>
    /// Calls back once when the client leaves, on any thread. A client that half-closes by habit does so right behind its request, and still waits
    /// for its answer: so within the first second of a request the end of its sending direction is not taken for its leaving yet.
    /// </summary>
    /// <param name="left">What to call; a second one takes the place of the first.</param>
    /// <param name="since">When the request came, as a timestamp.</param>
    public void Watch(Action left, long since)
    {
        Volatile.Write(ref _watched, new Watched(left, since));
        if (Ended)
            Tell();
    }

    public void StopWatching() => Volatile.Write(ref _watched, null);

    /// <inheritdoc/>
    public void Dispose()
    {
        StopWatching();
        _registration.Dispose();
        _connection.ConnectionClosed = _transportClosed;
        _gone.Dispose();
    }

    private void OnEnded()
    {
        Volatile.Write(ref _endedAt, _clock.GetTimestamp());
        if (IsDead())
            _gone.Cancel();
        Tell();
    }

    private void Tell()
    {
        if (Volatile.Read(ref _watched) is not { } watched)
            return;
        var early = HabitTime - _clock.GetElapsedTime(watched.Since);
        if (!Gone && early > TimeSpan.Zero)
            _ = TellLater(watched, early);
        else if (Interlocked.CompareExchange(ref _watched, null, watched) == watched)
            watched.Left();
    }

    private async Task TellLater(Watched watched, TimeSpan wait)
    {
        await Task.Delay(wait, _clock, CancellationToken.None).ConfigureAwait(false);
        if (Interlocked.CompareExchange(ref _watched, null, watched) == watched)
            watched.Left();
    }

    // Nothing is sent by sending nothing, but a socket that was reset, or whose peer has closed both directions (unix sockets tell),
    // refuses even that.
    private bool IsDead()
    {
        try
        {
            Socket?.Send(ReadOnlySpan<byte>.Empty);
            return false;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    private sealed record Watched(Action Left, long Since);
}
