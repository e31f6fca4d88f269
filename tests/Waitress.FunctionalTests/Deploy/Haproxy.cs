using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Waitress.FunctionalTests.Admin;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>Debian's HAProxy as a child, with deploy/haproxy/haproxy.cfg and the ports of this test in it.</summary>
internal sealed class Haproxy : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TemporaryFolder _folder;

    private Haproxy(Process process, TemporaryFolder folder, IPEndPoint endPoint) => (_process, _folder, EndPoint) = (process, folder, endPoint);

    public IPEndPoint EndPoint { get; }

    public LogCapture Log { get; } = new();

    public static async Task<Haproxy> StartAsync(params (PythonServer Server, AdminClient Admin)[] servers)
    {
        // It can't choose a port by itself, and one that was free may be taken before it listens: then another one.
        for (var turn = 0; ; turn++)
        {
            var haproxy = Start(servers);
            try
            {
                await Deadline.Until(haproxy.AnswersAsync, "HAProxy answers for the server");
                return haproxy;
            }
            catch (InvalidOperationException) when (turn < 5)
            {
                await haproxy.DisposeAsync();
            }
        }
    }

    private static Haproxy Start((PythonServer Server, AdminClient Admin)[] servers)
    {
        var folder = new TemporaryFolder();
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var endPoint = (IPEndPoint)probe.LocalEndPoint!;
        var configuration = folder.Write("haproxy.cfg", DeployFile.Read(
            "haproxy/haproxy.cfg",
            ("bind :80", $"bind {endPoint}"),
            ("127.0.0.1:8080 check port 9090", $"127.0.0.1:{servers[0].Server.PortText} check port {servers[0].Admin.Port}"),
            ("127.0.0.1:8081 check port 9091", $"127.0.0.1:{servers[1].Server.PortText} check port {servers[1].Admin.Port}"),
            ("inter 2s", "inter 200ms")));
        probe.Dispose();
        var start = new ProcessStartInfo(DeployFile.Find("haproxy")) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in new[] { "-db", "-f", configuration })
        {
            start.ArgumentList.Add(argument);
        }

        var process = new Process { StartInfo = start };
        var haproxy = new Haproxy(process, folder, endPoint);
        process.OutputDataReceived += (_, line) => haproxy.Add(line.Data);
        process.ErrorDataReceived += (_, line) => haproxy.Add(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return haproxy;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync().Within("HAProxy ends");
        _process.Dispose();
        _folder.Dispose();
    }

    private void Add(string? line)
    {
        if (line is not null)
        {
            Log.Add(line);
        }
    }

    private async Task<bool> AnswersAsync()
    {
        if (_process.HasExited)
        {
            throw new InvalidOperationException("HAProxy ended: " + Log.Text);
        }

        try
        {
            using var client = await RawClient.ConnectAsync(EndPoint);
            return (await client.GetAsync("/hello")).Status == 200;
        }
        catch (Exception e) when (e is SocketException or TruncatedResponseException or MalformedResponseException)
        {
            return false;
        }
    }
}
