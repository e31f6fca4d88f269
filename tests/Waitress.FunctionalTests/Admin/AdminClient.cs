using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Admin;

/// <summary>Asks the admin address of a server under test, which says in its log where it is.</summary>
internal sealed partial class AdminClient : IDisposable
{
    private AdminClient(EndPoint endPoint)
    {
        EndPoint = endPoint;
        Http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, stop) =>
            {
                var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(endPoint, stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost/"), Timeout = Deadline.Wait };
    }

    public EndPoint EndPoint { get; }

    public HttpClient Http { get; }

    public int Port => ((IPEndPoint)EndPoint).Port;

    public static async Task<AdminClient> OfAsync(LogCapture log)
    {
        var where = Where().Match(await log.WaitForLog(line => Where().IsMatch(line), "the admin address is told"));
        return new AdminClient(where.Groups["path"].Success
            ? new UnixDomainSocketEndPoint(where.Groups["path"].Value)
            : new IPEndPoint(IPAddress.Loopback, int.Parse(where.Groups["port"].ValueSpan, CultureInfo.InvariantCulture)));
    }

    public async Task<(int Status, string Text)> GetAsync(string path)
    {
        using var answer = await Http.GetAsync(new Uri(path, UriKind.Relative));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The samples of a scrape, by their name with labels.</summary>
    public async Task<Dictionary<string, double>> ScrapeAsync() => Samples((await GetAsync("/metrics")).Text);

    public static Dictionary<string, double> Samples(string text) => text.Split('\n').Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => (Name: line[..line.LastIndexOf(' ')], Value: line[(line.LastIndexOf(' ') + 1)..]))
        .ToDictionary(sample => sample.Name, sample => double.Parse(sample.Value, CultureInfo.InvariantCulture));

    public Task ReadyAsync() => Deadline.Until(async () => (await GetAsync("/readyz")).Status == 200, "ready");

    public void Dispose() => Http.Dispose();

    // In an entry of JSON its text ends with a quote.
    [GeneratedRegex(@"Metrics, health and status on http://(unix:(?<path>/[^\s""]+)|[^\s""]+:(?<port>\d+))")]
    private static partial Regex Where();
}
