using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Waitress.Tests.Otlp;

/// <summary>A collector on loopback that answers as the test says, in order, and then 200; it keeps what it got.</summary>
internal sealed class Collector : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> answers;
    private readonly BlockingCollection<(string Head, byte[] Body)> received = [];

    public Collector(params string[] answers)
    {
        this.answers = new ConcurrentQueue<string>(answers);
        listener.Start();
        _ = AcceptAsync();
    }

    public string Endpoint => $"http://{listener.LocalEndpoint}";

    /// <summary>An answer without a body, or with one that is written as Latin-1.</summary>
    public static string Answer(string status, string fields = "", string body = "") => $"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\n{fields}\r\n{body}";

    public (string Head, byte[] Body) Next() => received.TryTake(out var request, TimeSpan.FromSeconds(30)) ? request : throw new TimeoutException("Nothing was exported");

    public bool IsEmpty => received.Count == 0;

    public void Dispose()
    {
        listener.Dispose();
        received.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        var stream = client.GetStream();
        try
        {
            while (true)
            {
                var head = new StringBuilder();
                var one = new byte[1];
                while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
                {
                    if (await stream.ReadAsync(one) == 0)
                        return;
                    head.Append((char)one[0]);
                }

                var length = head.ToString().Split("\r\n").Single(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal))["Content-Length: ".Length..];
                var body = new byte[int.Parse(length, System.Globalization.CultureInfo.InvariantCulture)];
                await stream.ReadExactlyAsync(body);
                await stream.WriteAsync(Encoding.Latin1.GetBytes(answers.TryDequeue(out var answer) ? answer : Answer("200 OK")));
                received.Add((head.ToString(), body));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
        }
    }
}
