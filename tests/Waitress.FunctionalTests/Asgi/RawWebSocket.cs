using System.Buffers.Binary;
using System.Net;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>A WebSocket frame by frame, also such frames as no client would send.</summary>
internal sealed class RawWebSocket : IDisposable
{
    public const byte Text = 0x81, Binary = 0x82, Close = 0x88, Ping = 0x89, Pong = 0x8A;

    private const string Key = "dGhlIHNhbXBsZSBub25jZQ=="; // RFC 6455 section 1.3, as is the answer to it.
    private const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    private RawWebSocket(RawClient client) => Client = client;

    public RawClient Client { get; }

    public static string Handshake(string target, string key = Key, string version = "13", string more = "") =>
        $"GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n{more}\r\n";

    public static async Task<RawWebSocket> OpenAsync(EndPoint endPoint, string target, int? receiveBuffer = null)
    {
        var client = await RawClient.ConnectAsync(endPoint, receiveBuffer);
        await client.SendAsync(Handshake(target));
        var head = await client.ReceiveHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 Switching Protocols\r\n", head, StringComparison.Ordinal);
        Assert.Contains($"Sec-WebSocket-Accept: {Accept}\r\n", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Sec-WebSocket-Extensions", head, StringComparison.OrdinalIgnoreCase);
        return new RawWebSocket(client);
    }

    /// <param name="first">FIN, reserved bits and opcode.</param>
    /// <param name="payload">What is in it.</param>
    /// <param name="masked">As the RFC wants it of clients.</param>
    public Task<bool> SendAsync(byte first, byte[] payload, bool masked = true)
    {
        using var frame = new MemoryStream();
        frame.WriteByte(first);
        var mask = (byte)(masked ? 0x80 : 0);
        if (payload.Length < 126)
        {
            frame.WriteByte((byte)(mask | payload.Length));
        }
        else
        {
            frame.WriteByte((byte)(mask | 127));
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64BigEndian(length, payload.Length);
            frame.Write(length);
        }

        byte[] key = [1, 2, 3, 4];
        if (masked)
            frame.Write(key);
        frame.Write(masked ? [.. payload.Select((value, index) => (byte)(value ^ key[index % 4]))] : payload);
        return Client.SendAsync(frame.ToArray());
    }

    public async Task<(byte First, byte[] Payload)> ReceiveAsync()
    {
        var head = await Client.ReceiveBytesAsync(2);
        Assert.Equal(0, head[1] & 0x80); // A server does not mask.
        var length = (head[1] & 0x7F) switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(await Client.ReceiveBytesAsync(2)),
            127 => (int)BinaryPrimitives.ReadInt64BigEndian(await Client.ReceiveBytesAsync(8)),
            var small => small,
        };
        return (head[0], await Client.ReceiveBytesAsync(length));
    }

    /// <summary>The close frame with that code comes, after whatever else.</summary>
    public async Task AssertClosedAsync(int code)
    {
        var (first, payload) = await ReceiveAsync();
        while (first != Close)
            (first, payload) = await ReceiveAsync();
        Assert.Equal(code, BinaryPrimitives.ReadUInt16BigEndian(payload));
    }

    public void Dispose() => Client.Dispose();
}
