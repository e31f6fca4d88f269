using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Waitress.FunctionalTests.Harness;

/// <summary>One connection, byte by byte as the test says; answers are read by the strict reader.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly Socket _socket;
    private readonly ResponseReader _reader;

    private RawClient(Socket socket)
    {
        _socket = socket;
        _reader = new ResponseReader(async buffer =>
        {
            try
            {
                return await _socket.ReceiveAsync(buffer);
            }
            catch (SocketException)
            {
                return 0; // A reset ends the stream like a close; whether bytes are missing, the framing tells.
            }
        });
    }

    public int LocalPort => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    /// <summary>Bytes that have arrived and that nobody has read: 0 while the server owes nothing or gives nothing.</summary>
    public int Waiting => _socket.Available + _reader.Buffered;

    /// <param name="endPoint">The server.</param>
    /// <param name="receiveBuffer">A small one makes a slow reader be felt at once.</param>
    /// <param name="from">The client's own address; all of 127.0.0.0/8 is this machine.</param>
    public static async Task<RawClient> ConnectAsync(EndPoint endPoint, int? receiveBuffer = null, string? from = null)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        if (receiveBuffer is { } size)
        {
            socket.ReceiveBufferSize = size;
        }

        if (from is not null)
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        }

        try
        {
            await socket.ConnectAsync(endPoint).WaitAsync(Deadline.Wait);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        if (endPoint is IPEndPoint)
        {
            socket.NoDelay = true;
        }

        return new RawClient(socket);
    }

    /// <summary>False when the server closed before it had everything, as it may after a refusal.</summary>
    public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes, Segmentation segmentation = Segmentation.Whole)
    {
        try
        {
            foreach (var segment in segmentation.Cut(bytes))
            {
                var rest = segment;
                while (!rest.IsEmpty)
                {
                    rest = rest[await _socket.SendAsync(rest).AsTask().Within("the server takes the bytes")..];
                }
            }

            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Text as Latin-1, so that every byte value can be written in a test.</summary>
    public Task<bool> SendAsync(string text, Segmentation segmentation = Segmentation.Whole) =>
        SendAsync(Encoding.Latin1.GetBytes(text), segmentation);

    /// <param name="method">The request's method: an answer to HEAD has no body, whatever its headers say.</param>
    public Task<RawResponse> ReceiveAsync(string method = "GET") => _reader.ReadAsync(method).Within("a whole response");

    /// <summary>Sends one request and reads its final answer.</summary>
    public async Task<RawResponse> RequestAsync(string text, Segmentation segmentation = Segmentation.Whole)
    {
        await SendAsync(text, segmentation);
        return await ReceiveAsync(text[..text.IndexOf(' ', StringComparison.Ordinal)]);
    }

    public Task<RawResponse> GetAsync(string target, string headers = "") =>
        RequestAsync($"GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n");

    /// <summary>The server closes and sends nothing more.</summary>
    public async Task AssertClosedAsync()
    {
        var rest = await _reader.ReadToEndAsync().Within("the server closes the connection");
        Assert.Equal("", Encoding.Latin1.GetString(rest));
    }

    /// <summary>The head of an answer alone, as it came; what follows is the caller's to read.</summary>
    public async Task<string> ReceiveHeadAsync()
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            head.Append((char)(await ReceiveBytesAsync(1))[0]);
        return head.ToString();
    }

    /// <summary>Exactly so many bytes of the stream, whatever they are.</summary>
    public Task<byte[]> ReceiveBytesAsync(int count) => _reader.ReadExactlyAsync(count).Within($"{count} bytes");

    public Task<byte[]> ReceiveToEndAsync() => _reader.ReadToEndAsync().Within("the end of the stream");

    /// <summary>Half-close: the server reads the end of the stream, answers can still come.</summary>
    public void FinishSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Half-close where the server may have closed already.</summary>
    public void FinishSendingIfOpen()
    {
        try
        {
            FinishSending();
        }
        catch (SocketException)
        {
            // Reset by the server: there is nothing left to finish.
        }
    }

    /// <summary>Ends the connection by a reset, as a killed client does.</summary>
    public void Abort()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    public void Dispose() => _socket.Dispose();
}
