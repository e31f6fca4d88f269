using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Waitress.Tests.Http;

/// <summary>An answer as it came: its head as text, the bytes of its body without framing, and whether the framing was complete.</summary>
internal sealed record RawAnswer(string Head, byte[] Body, bool Complete)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public int Status => int.Parse(Head.AsSpan(9, 3), CultureInfo.InvariantCulture);
}

/// <summary>A client that knows just enough HTTP to tell a whole answer from a cut one.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly byte[] buffer = new byte[262_144];
    private int start, end;

    public RawConnection(IPEndPoint server, int receiveBuffer)
    {
        if (receiveBuffer > 0)
            Socket.ReceiveBufferSize = receiveBuffer;
        Socket.Connect(server);
    }

    public Socket Socket { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 20_000 };

    public void Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[Socket.Send(bytes)..];
    }

    public RawAnswer Get(string path = "/")
    {
        Send($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        return Read();
    }

    /// <param name="isHead">Whether the request was HEAD.</param>
    /// <param name="read">Told of each piece of the body, for tests that read at their own pace.</param>
    public RawAnswer Read(bool isHead = false, Action<int>? read = null)
    {
        var head = ReadHead();
        var body = new MemoryStream();
        if (isHead || head.StartsWith("HTTP/1.1 204", StringComparison.Ordinal) || head.StartsWith("HTTP/1.1 304", StringComparison.Ordinal))
            return new RawAnswer(head, [], true);
        if (Field(head, "Content-Length") is { } length)
            return new RawAnswer(head, body.ToArray(), Copy(long.Parse(length, CultureInfo.InvariantCulture), body, read)) with { Body = body.ToArray() };
        if (Field(head, "Transfer-Encoding") is not "chunked")
            return new RawAnswer(head, [], !Copy(long.MaxValue, body, read)) with { Body = body.ToArray() };
        while (true)
        {
            if (ReadLine() is not { Length: > 0 } size)
                return new RawAnswer(head, body.ToArray(), false);
            var count = int.Parse(size, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (!Copy(count, body, read) || ReadLine() is null)
                return new RawAnswer(head, body.ToArray(), false);
            if (count == 0)
                return new RawAnswer(head, body.ToArray(), true);
        }
    }

    public static string? Field(string head, string name) => head.Split("\r\n")
        .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 1)..].Trim()).FirstOrDefault();

    /// <summary>True when the server closes the connection without another byte.</summary>
    public bool IsAtEnd() => start == end && !Fill();

    /// <summary>Closes so that the server sees a reset, as from a client that crashed.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public void Dispose() => Socket.Dispose();

    public string ReadHead()
    {
        var head = new StringBuilder();
        while (ReadLine() is { Length: > 0 } line)
            head.Append(line).Append("\r\n");
        return head.ToString();
    }

    private string? ReadLine()
    {
        var line = new StringBuilder();
        while (start < end || Fill())
        {
            var next = (char)buffer[start++];
            if (next == '\n')
                return line.ToString().TrimEnd('\r');
            line.Append(next);
        }

        return null;
    }

    private bool Copy(long count, MemoryStream body, Action<int>? read)
    {
        while (count > 0)
        {
            if (start == end && !Fill())
                return false;
            var piece = (int)Math.Min(count, end - start);
            body.Write(buffer, start, piece);
            start += piece;
            count -= piece;
            read?.Invoke(piece);
        }

        return true;
    }

    private bool Fill()
    {
        try
        {
            (start, end) = (0, Socket.Receive(buffer));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            (start, end) = (0, 0);
        }

        return end > 0;
    }
}
