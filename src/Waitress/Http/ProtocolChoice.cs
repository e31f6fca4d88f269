using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Tls;

namespace Waitress.Http;

/// <summary>
/// Which version of HTTP a connection speaks: what TLS has agreed on, or without TLS its first bytes, since HTTP/2 begins with a preface that is
/// no request of HTTP/1 (RFC 9113 section 3.4). One port so serves both, which Kestrel alone can't without TLS: its endpoint for HTTP/2 is made
/// without a socket, and is handed the connections of the others.
/// </summary>
internal sealed class ProtocolChoice(Settings settings, WireOptions wire)
{
    private static readonly byte[] s_preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

    private readonly TimeSpan _patience = TimeSpan.FromSeconds(Math.Max(1, settings.ChannelTimeout));
    private ConnectionDelegate? _http2;

    /// <summary>The endpoint that the connections of HTTP/2 are handed to; to be made before those that hand them on.</summary>
    public void UseHandedEndPoint(ListenOptions endPoint, Http2Options options)
    {
        endPoint.Protocols = HttpProtocols.Http2;
        endPoint.Use(next =>
        {
            _http2 = connection => Http2Wire.RunAsync(connection, next, options);
            return next;
        });
    }

    /// <summary>Puts the choice into an endpoint of HTTP/1, behind TLS.</summary>
    public void Use(ListenOptions endPoint) => endPoint.Use(next => connection => RunAsync(connection, next));

    private async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var isHttp2 = connection.Features.Get<TlsSession>() is { } session ? session.IsHttp2 : await BeginsWithPrefaceAsync(connection);
        if (isHttp2 is null)
            return;
        if (isHttp2 is true)
            await _http2!(connection);
        else if (settings.SpeaksHttp1)
            await next(connection);
        else
            await RefuseAsync(connection);
    }

    // Null: it ended, or said nothing for channel_timeout.
    private async ValueTask<bool?> BeginsWithPrefaceAsync(ConnectionContext connection)
    {
        using var limit = new ArrivalLimit(connection, _patience, wire.Clock);
        var input = connection.Transport.Input;
        var begun = false;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(limit.Token);
                var length = (int)Math.Min(read.Buffer.Length, s_preface.Length);
                var same = IsStartOfPreface(read.Buffer.Slice(0, length));
                if (!same || length == s_preface.Length)
                {
                    input.AdvanceTo(read.Buffer.Start);
                    return same;
                }

                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (read.IsCompleted)
                    return null;
                if (!begun && length > 0 && settings.HeaderTimeoutInForce > TimeSpan.Zero && settings.HeaderTimeoutInForce < _patience)
                    limit.Restart(settings.HeaderTimeoutInForce); // As for the head of a request, from its first byte.
                begun |= length > 0;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ConnectionResetException)
        {
            return null;
        }
    }

    private static bool IsStartOfPreface(ReadOnlySequence<byte> bytes)
    {
        Span<byte> start = stackalloc byte[(int)bytes.Length];
        bytes.CopyTo(start);
        return s_preface.AsSpan().StartsWith(start);
    }

    // A client of HTTP/1 where only HTTP/2 is spoken; it understands the answer.
    private async Task RefuseAsync(ConnectionContext connection)
    {
        wire.Refused?.Invoke(new RefusedRequest(connection.RemoteEndPoint, Refusal.UnknownVersion.Status, "HTTP/1 on a listener that speaks HTTP/2 alone", Refusal.UnknownVersion));
        await connection.Transport.Output.WriteAsync(RefusalText.Answer(Refusal.UnknownVersion, wire.Ident, wire.Clock.GetUtcNow()));
        await Lingering.DrainAsync(connection.Transport.Input, connection.Features.Get<IConnectionSocketFeature>()?.Socket, expectMore: true, wire.Clock);
    }
}
