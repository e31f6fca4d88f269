// TLS of a connection, between the socket and what speaks HTTP.
// Receives ciphertext of the transport; gives on a connection whose transport is plain text, with the session among its features (TlsSession).
// Promises: a handshake ends within ten seconds, and its arithmetic never runs on the thread that polls the sockets, so that no connection
// waits for another one's; one that fails is one line in the log, and never an exception; what is open keeps its session whatever happens to
// the certificate files; plain HTTP gets an answer that says what is wrong.
// Runs on the connection's I/O thread, in the handshake on the thread pool; only the stop comes from another thread.
using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.Tls;

/// <summary>What the TLS of all connections of a server shares.</summary>
/// <param name="Certificates">Those in force.</param>
/// <param name="Ident">The <c>ident</c> setting, for the answer to plain HTTP.</param>
/// <param name="Clock">For the limits of time.</param>
/// <param name="Log">Where handshakes that fail are told.</param>
/// <param name="Failed">Counts them.</param>
internal sealed record TlsOptions(CertificateWatch Certificates, string? Ident, TimeProvider Clock, Mailbox Log, Action<HandshakeFailure>? Failed = null);

/// <summary>Puts TLS around the connections of an endpoint.</summary>
internal static class TlsWire
{
    // Kestrel's and nginx's order of magnitude: a handshake is two round trips.
    private static readonly TimeSpan HandshakeTime = TimeSpan.FromSeconds(10);

    // The last message of a session is sent if the client takes it; it is not worth waiting for.
    private static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(1);

    // RFC 8446 section 5.1: every session begins with a record of this type.
    private const byte HandshakeRecord = 22;

    private static readonly Refusal NotTls = Refusal.BadRequest.Because("This port speaks HTTPS: the request has to be sent through TLS");

    public static void Use(ListenOptions endPoint, TlsOptions options) => endPoint.Use(next => connection => RunAsync(connection, next, options));

    private static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, TlsOptions options)
    {
        var transport = connection.Transport;
        var inner = new PipeStream(transport, () => connection.Features.Get<WireGuard>()?.Client.Lost());
        var stream = new TlsStream(inner);
        try
        {
            if (!await HandshakeAsync(connection, inner, stream, options))
                return;
            var pool = connection.Features.Get<IMemoryPoolFeature>()?.MemoryPool;
            var pipes = new Plain(
                PipeReader.Create(stream, new StreamPipeReaderOptions(pool, leaveOpen: true, useZeroByteReads: true)),
                PipeWriter.Create(stream, new StreamPipeWriterOptions(pool, leaveOpen: true)));
            connection.Transport = pipes;
            var session = new TlsSession(stream, options.Certificates.Current.Select(stream.TargetHostName));
            connection.Features.Set(session);
            connection.Features.Set<ITlsConnectionFeature>(session);
            connection.Features.Set<ITlsApplicationProtocolFeature>(session);
            await next(connection);
            await EndAsync(connection, transport, pipes, stream, options);
        }
        finally
        {
            connection.Transport = transport;
            await stream.DisposeAsync();
        }
    }

    // False: there is no session, and the reason has been told.
    private static async Task<bool> HandshakeAsync(ConnectionContext connection, PipeStream inner, TlsStream stream, TlsOptions options)
    {
        string reason;
        HandshakeFailure failure;
        using var limit = new ArrivalLimit(connection, HandshakeTime, options.Clock);
        try
        {
            var first = await FirstByteAsync(connection.Transport.Input, limit.Token);
            if (first is null)
                return false; // Somebody only looked whether the port is open.
            if (first != HandshakeRecord)
            {
                await AnswerPlainAsync(connection, (byte)first, options);
                return false;
            }

            inner.OffThread = true;
            await stream.AuthenticateAsServerAsync(
                static (_, hello, certificates, _) => new(((CertificateWatch)certificates!).Current.Select(hello.ServerName).Options), options.Certificates, limit.Token);
            inner.OffThread = false;
            return true;
        }
        catch (OperationCanceledException)
        {
            if (limit.Stopping)
                return false;
            (reason, failure) = ($"it took longer than {HandshakeTime.TotalSeconds:0} s", HandshakeFailure.Timeout);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or CryptographicException or InvalidOperationException or NotSupportedException)
        {
            (reason, failure) = stream.Rejected is { } rejected ? (rejected, HandshakeFailure.ClientCertificate) : Describe(e);
        }

        options.Log.Post(LogEvent.HandshakeFailed, connection.RemoteEndPoint, reason);
        options.Failed?.Invoke(failure);
        return false;
    }

    private static async ValueTask<byte?> FirstByteAsync(PipeReader input, CancellationToken limit)
    {
        try
        {
            var read = await input.ReadAsync(limit);
            byte? first = read.Buffer.IsEmpty ? null : read.Buffer.FirstSpan[0];
            input.AdvanceTo(read.Buffer.Start);
            return first;
        }
        catch (ConnectionResetException)
        {
            return null; // As HAProxy ends its checks.
        }
    }

    // Somebody's http:// link to this port; a browser shows the text. Anything else that is no TLS gets no answer.
    private static async Task AnswerPlainAsync(ConnectionContext connection, byte first, TlsOptions options)
    {
        if (!char.IsAsciiLetterUpper((char)first))
        {
            options.Log.Post(LogEvent.HandshakeFailed, connection.RemoteEndPoint, "what it sent is not TLS");
            options.Failed?.Invoke(HandshakeFailure.NotTls);
            return;
        }

        options.Log.Post(LogEvent.PlainRequest, connection.RemoteEndPoint);
        options.Failed?.Invoke(HandshakeFailure.PlainHttp);
        using var patience = new CancellationTokenSource(GoodbyeTime, options.Clock);
        try
        {
            await connection.Transport.Output.WriteAsync(RefusalText.Answer(NotTls, options.Ident, options.Clock.GetUtcNow()), patience.Token);
            await Lingering.DrainAsync(connection.Transport.Input, SocketOf(connection), expectMore: true, options.Clock);
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static async Task EndAsync(ConnectionContext connection, IDuplexPipe transport, Plain pipes, TlsStream stream, TlsOptions options)
    {
        try
        {
            // The reader may still have a read under way (Lingering's): it has to end before its buffers are given back.
            pipes.Input.CancelPendingRead();
            await pipes.Output.CompleteAsync();
            await pipes.Input.CompleteAsync();
            await stream.ShutdownAsync().WaitAsync(GoodbyeTime, options.Clock);
            await Lingering.DrainAsync(transport.Input, SocketOf(connection), expectMore: false, options.Clock);
        }
        catch (Exception e) when (e is IOException or TimeoutException or InvalidOperationException or OperationCanceledException or ObjectDisposedException or AuthenticationException)
        {
            // The client has gone first, or does not take the last message.
        }
    }

    // The innermost reason: OpenSSL's words without the chain of wrappers.
    private static (string Reason, HandshakeFailure Failure) Describe(Exception error)
    {
        var inner = error;
        while (inner.InnerException is { } cause)
            inner = cause;
        if (inner is EndOfStreamException || (inner is IOException && error == inner))
            return ("the client closed the connection", HandshakeFailure.Closed);
        if (inner is SocketException)
            return (inner.Message, HandshakeFailure.Closed);
        var text = inner.Message;
        return (text.AsSpan().IndexOfAny('\r', '\n') is var end and >= 0 ? text[..end] : text, HandshakeFailure.Protocol);
    }

    private static Socket? SocketOf(ConnectionContext connection) => connection.Features.Get<IConnectionSocketFeature>()?.Socket;

    private sealed record Plain(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}

/// <summary>A session's stream, which remembers what only the check of the client's certificate sees.</summary>
internal sealed class TlsStream(Stream inner) : SslStream(inner, leaveInnerStreamOpen: true)
{
    /// <summary>Why it was refused: the exception does not say.</summary>
    public string? Rejected { get; set; }

    /// <summary>The authorities' certificates that came with it, as PEM, each signed by the next one.</summary>
    public IReadOnlyList<string> ClientAuthorities { get; set; } = [];
}
