using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Proxy;

/// <summary>nginx as a child with a configuration and folders of its own, in front of one upstream, which it keeps connections to.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TemporaryFolder _folder;

    private Nginx(Process process, TemporaryFolder folder, IPEndPoint endPoint)
    {
        _process = process;
        _folder = folder;
        EndPoint = endPoint;
    }

    public IPEndPoint EndPoint { get; }

    /// <param name="upstream">As nginx writes it: 127.0.0.1:PORT or unix:/path.</param>
    public static Task<Nginx> StartAsync(string upstream) => StartAsync((path, listen) => $$"""
        access_log off;
        client_max_body_size 100m;
        upstream waitress { server {{upstream}}; keepalive 4; }
        server {
            listen {{listen}};
            location = /nginx { return 200 "{{path}}"; }
            location / {
                proxy_pass http://waitress;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-For $remote_addr;
                proxy_set_header X-Forwarded-Proto https;
                proxy_request_buffering off;
                proxy_buffering off;
            }
        }
        """);

    /// <param name="http">What stands in http { }, for a folder of its own and an address to listen on; GET /nginx must say the folder.</param>
    public static async Task<Nginx> StartAsync(Func<string, string, string> http)
    {
        // nginx can't choose a port by itself, and one that was free may be taken before it listens: then another one.
        for (var turn = 0; ; turn++)
        {
            var nginx = Start(http);
            try
            {
                await Deadline.Until(nginx.AnswersAsync, "nginx listens");
                return nginx;
            }
            catch (InvalidOperationException) when (turn < 5)
            {
                await nginx.DisposeAsync();
            }
        }
    }

    /// <summary>A file of its folder, as it is now.</summary>
    public string Read(string name) => File.Exists(_folder.File(name)) ? File.ReadAllText(_folder.File(name)) : "";

    private static Nginx Start(Func<string, string, string> http)
    {
        var folder = new TemporaryFolder();
        var endPoint = FreePort();
        var path = folder.Path;
        var user = Environment.UserName == "root" ? "user root;" : "";
        var configuration = folder.Write("nginx.conf", $$"""
            daemon off; master_process off; {{user}}
            pid {{path}}/pid; error_log {{path}}/error.log warn;
            events { worker_connections 256; }
            http {
                client_body_temp_path {{path}}/body; proxy_temp_path {{path}}/proxy; fastcgi_temp_path {{path}}/f;
                uwsgi_temp_path {{path}}/u; scgi_temp_path {{path}}/s;
                {{http(path, endPoint.ToString())}}
            }
            """);
        var start = new ProcessStartInfo(Find()) { RedirectStandardError = true };
        foreach (var argument in new[] { "-p", path, "-c", configuration, "-e", folder.File("error.log") })
        {
            start.ArgumentList.Add(argument);
        }

        return new Nginx(Process.Start(start)!, folder, endPoint);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().Within("nginx ends");
        _process.Dispose();
        _folder.Dispose();
    }

    private static string Find() =>
        Array.Find(["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"], File.Exists)
        ?? throw new InvalidOperationException("nginx is not installed; on Debian: apt-get install nginx-light");

    private static IPEndPoint FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)probe.LocalEndPoint!;
    }

    private async Task<bool> AnswersAsync()
    {
        if (_process.HasExited)
        {
            var log = _folder.File("error.log");
            throw new InvalidOperationException("nginx ended: " + (File.Exists(log) ? await File.ReadAllTextAsync(log) : "no log"));
        }

        try
        {
            // The path tells this nginx from whoever else may have the port.
            using var client = await RawClient.ConnectAsync(EndPoint);
            return (await client.GetAsync("/nginx", "Connection: close\r\n")).Text == _folder.Path;
        }
        catch (Exception e) when (e is SocketException or TruncatedResponseException or MalformedResponseException)
        {
            return false;
        }
    }
}
