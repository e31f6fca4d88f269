using System.Net.Sockets;
using System.Text;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>Stands for systemd: the socket of NOTIFY_SOCKET, and what was said to it, in order.</summary>
internal sealed class ServiceManager : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly LogCapture _told = new();

    /// <param name="path">Of the socket; one that begins with @ is abstract.</param>
    public ServiceManager(string path)
    {
        Path = path;
        _socket.Bind(new UnixDomainSocketEndPoint(path.StartsWith('@') ? "\0" + path[1..] : path));
        _ = ReceiveAsync();
    }

    public string Path { get; }

    public IReadOnlyList<string> Told => _told.Lines;

    public Dictionary<string, string> Environment(double? watchdogSeconds = null)
    {
        var variables = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = Path };
        if (watchdogSeconds is { } seconds)
        {
            variables["WATCHDOG_USEC"] = ((long)(seconds * 1e6)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return variables;
    }

    /// <summary>The message with this line, already there or still to come, at or after <paramref name="from"/>.</summary>
    public Task<string> WaitForAsync(string line, int from = 0) =>
        _told.WaitForLog(message => message.Split('\n').Contains(line), $"the service manager is told {line}", from);

    public void Dispose() => _socket.Dispose();

    private async Task ReceiveAsync()
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                _told.Add(Encoding.UTF8.GetString(buffer, 0, await _socket.ReceiveAsync(buffer)));
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
