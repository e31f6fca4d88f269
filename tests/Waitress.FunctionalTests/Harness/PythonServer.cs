using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Waitress.FunctionalTests.Harness;

/// <summary>
/// One server under test, `python -m waitress --listen=127.0.0.1:0 OPTIONS module:app`; the port is read from its
/// "Serving on" line, so tests never pick ports and never collide.
/// </summary>
internal sealed partial class PythonServer : IAsyncDisposable
{
    private PythonServer(PythonProcess process, EndPoint endPoint)
    {
        Process = process;
        EndPoint = endPoint;
    }

    public PythonProcess Process { get; }

    public EndPoint EndPoint { get; }

    public int Port => ((IPEndPoint)EndPoint).Port;

    public string PortText => Port.ToString(CultureInfo.InvariantCulture);

    public LogCapture Log => Process.Errors;

    /// <summary>Whether it speaks TLS.</summary>
    public bool IsTls { get; private init; }

    public static Task<PythonServer> StartAsync(
        string app, IEnumerable<string>? options = null, string? python = null,
        IReadOnlyDictionary<string, string>? environment = null, string? folder = null) =>
        ReadyAsync(PythonProcess.Start(
            ["-m", "waitress", "--listen=127.0.0.1:0", .. options ?? [], app], python, environment, folder));

    /// <summary>On a unix socket.</summary>
    public static Task<PythonServer> StartOnAsync(string unixSocket, string app, params string[] options) =>
        ReadyAsync(PythonProcess.Start(["-m", "waitress", "--unix-socket=" + unixSocket, .. options, app]));

    /// <summary>Waits until a process that will serve says where; what it says before it dies is the message otherwise.</summary>
    public static async Task<PythonServer> ReadyAsync(PythonProcess process)
    {
        var serving = process.Errors.FirstAsync(line => Serving().IsMatch(line));
        var exit = process.ExitAsync();
        if (await Task.WhenAny(serving, exit) != serving)
        {
            var log = process.Errors.Text;
            await process.DisposeAsync();
            throw new InvalidOperationException($"The server did not start:\n{log}");
        }

        var where = Serving().Match(await serving);
        EndPoint endPoint = where.Groups["path"].Success
            ? new UnixDomainSocketEndPoint(where.Groups["path"].Value)
            : new IPEndPoint(IPAddress.Loopback, int.Parse(where.Groups["port"].ValueSpan, CultureInfo.InvariantCulture));
        return new PythonServer(process, endPoint) { IsTls = where.Groups["where"].Value.StartsWith("https:", StringComparison.Ordinal) };
    }

    /// <summary>Every address of the "Serving on" lines so far, as written.</summary>
    public IReadOnlyList<string> Addresses() =>
        [.. Log.Lines.Select(line => Serving().Match(line)).Where(match => match.Success).Select(match => match.Groups["where"].Value)];

    public HttpClient Http()
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = true,
            ConnectCallback = async (_, stop) =>
            {
                var socket = new Socket(EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(EndPoint, stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        if (IsTls)
        {
            return Https(new Version(2, 0), handler);
        }

        var host = EndPoint is IPEndPoint ip ? ip.ToString() : "localhost";
        return new HttpClient(handler) { BaseAddress = new Uri($"http://{host}/"), Timeout = Deadline.Wait };
    }

    /// <summary>A client that speaks just that version over TLS; whose certificate it is, other tests judge.</summary>
    public HttpClient Https(Version version, SocketsHttpHandler? handler = null)
    {
        handler ??= new SocketsHttpHandler { AllowAutoRedirect = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null;
        return new HttpClient(handler)
        {
            BaseAddress = new Uri($"https://{EndPoint}/"),
            Timeout = Deadline.Wait,
            DefaultRequestVersion = version,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(EndPoint);

    /// <summary>SIGTERM, then the exit code.</summary>
    public Task<int> StopAsync()
    {
        Process.Signal(PythonProcess.Sigterm);
        return Process.ExitAsync();
    }

    /// <summary>The server still answers, on a connection of its own.</summary>
    public async Task AssertServesAsync()
    {
        using var client = await ConnectAsync();
        var response = await client.RequestAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal((200, "Hello, World!\n"), (response.Status, response.Text));
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    [GeneratedRegex(@"Serving on (?<where>https?://(unix:(?<path>/.+)|.+:(?<port>\d+)))\s*$")]
    private static partial Regex Serving();
}
