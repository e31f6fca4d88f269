using System.Net;
using Waitress.Guards;

namespace Waitress.Http;

/// <summary>
/// What an exchange knows of its way to the client. On HTTP/1 it has the connection to itself for the time being, so that link and connection
/// are one (<see cref="WireGuard"/>); on HTTP/2 it has a stream among others (<see cref="StreamLink"/>).
/// </summary>
internal abstract class ExchangeLink
{
    /// <summary>Whether other exchanges use the connection at the same time: then nothing that goes wrong with one may end it.</summary>
    public abstract bool IsMultiplexed { get; }

    /// <summary>The address that accepted the connection.</summary>
    public abstract EndPoint? LocalEndPoint { get; }

    /// <summary>Whether nothing can be sent to the client any more.</summary>
    public abstract bool ClientGone { get; }

    /// <summary>Whether the client has ended its sending direction, or is gone, as far as can be told without writing to it.</summary>
    public abstract bool ClientLeft { get; }

    /// <summary>The first violation of the chunked body being read, which Kestrel let pass, or null.</summary>
    public virtual Refusal? ChunkError => null;

    /// <summary>Whether the client has sent more behind this request, which has no body, and expects to be answered on this connection.</summary>
    public abstract bool HasMore { get; }

    /// <summary>Whether the client gave up while its request waited, which was complete at that timestamp.</summary>
    public abstract bool ClientGaveUp(long since);

    /// <summary>A write has found that nobody is there.</summary>
    public abstract void ClientLost();

    /// <summary>Calls back when the client leaves, once, on any thread; at once if it has. A second call takes the place of the first.</summary>
    /// <param name="left">What to call.</param>
    /// <param name="since">When the request came, as a timestamp.</param>
    public abstract void Watch(Action left, long since);

    public abstract void StopWatching();

    /// <summary>Calls back when no request comes on it any more; of a stream, when its request has ended.</summary>
    public abstract void WhenClosed(Action action);

    /// <summary>An application has got a request: first thing in <c>CreateContext</c>.</summary>
    public abstract void ExchangeStarted();

    /// <summary>The application is done with it, response included: last thing in <c>DisposeContext</c>.</summary>
    public abstract void ExchangeEnded();

    /// <summary>
    /// Sends a 103 before the answer (RFC 8297) with these values of Link fields, which have been checked; ends when the client has taken it. Null: they are too many.
    /// Where a 103 can't be sent nothing is.
    /// </summary>
    public virtual Task? SendHintAsync(IReadOnlyList<string> links) => Task.CompletedTask;

    /// <summary>The request's body is chunked: in <c>CreateContext</c>, before anything is read from the body.</summary>
    public virtual void BeginChunkedBody()
    {
    }

    /// <summary>Waits for work that ends when the client has taken bytes; false when it took none, or fewer per second than the least, for that long. The work itself goes on.</summary>
    public abstract ValueTask<bool> TakesAsync(Task work, TimeSpan patience, long least);
}
