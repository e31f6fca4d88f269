using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests.Proxy;

/// <summary>The usual deployment: nginx in front with kept upstream connections, over TCP or over a unix socket.</summary>
public abstract class BehindNginx : IAsyncLifetime
{
    private Nginx? _nginx;

    internal static string[] Options(string peer) =>
        ["--trusted-proxy=" + peer, "--trusted-proxy-headers=x-forwarded-for x-forwarded-proto"];

    internal PythonServer Server { get; private set; } = null!;

    internal abstract Task<(PythonServer Server, string Upstream)> StartAsync();

    public async Task InitializeAsync()
    {
        (Server, var upstream) = await StartAsync();
        _nginx = await Nginx.StartAsync(upstream);
    }

    public virtual async Task DisposeAsync()
    {
        if (_nginx is not null)
        {
            await _nginx.DisposeAsync();
        }

        await Server.DisposeAsync();
    }

    internal Task<RawClient> ConnectAsync() => RawClient.ConnectAsync(_nginx!.EndPoint);
}

public sealed class BehindNginxOverTcp : BehindNginx
{
    internal override async Task<(PythonServer Server, string Upstream)> StartAsync()
    {
        var server = await PythonServer.StartAsync("suite:app", Options("127.0.0.1"));
        return (server, "127.0.0.1:" + server.PortText);
    }
}

public sealed class BehindNginxOverUnixSocket : BehindNginx
{
    private readonly TemporaryFolder _folder = new();

    internal override async Task<(PythonServer Server, string Upstream)> StartAsync() =>
        (await PythonServer.StartOnAsync(_folder.File("s"), "suite:app", Options("localhost")), "unix:" + _folder.File("s"));

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}

public abstract class NginxTests(BehindNginx behind)
{
    internal BehindNginx Behind => behind;

    [Fact]
    public async Task Requests_ThroughNginx_AreServedAndTellTheClientsAddress()
    {
        using var client = await Behind.ConnectAsync();
        for (var turn = 0; turn < 20; turn++)
        {
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        }

        var seen = (await client.GetAsync("/environ?a=%2F", "X-Forwarded-Host: evil.test\r\n")).Json();
        Assert.Equal(("127.0.0.1", "https", "test", "a=%2F"),
            (EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "wsgi.url_scheme"), EnvironTests.Value(seen, "HTTP_HOST"),
                EnvironTests.Value(seen, "QUERY_STRING")));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(5_000_000)]
    public async Task Upload_ThroughNginx_ArrivesWhole(int size)
    {
        using var client = await Behind.ConnectAsync();
        var body = Pattern.Bytes(size);
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n");
        await client.SendAsync(body);
        Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task ChunkedUpload_ThroughNginx_ArrivesWhole()
    {
        using var client = await Behind.ConnectAsync();
        var seen = (await client.RequestAsync(
            "POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")).Json();
        Assert.Equal(Pattern.Digest("abcdefg"), seen.GetProperty("sha256").GetString());
    }

    [Theory]
    [InlineData("/big?size=10000000&length")]
    [InlineData("/big?size=10000000")]
    [InlineData("/file?size=10000000&kind=real")]
    public async Task Download_ThroughNginx_IsWhole(string target)
    {
        using var client = await Behind.ConnectAsync();
        Assert.Equal(Pattern.Digest(Pattern.Bytes(10_000_000)), Pattern.Digest((await client.GetAsync(target)).Body));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("HEAD", "/hello", 200)]
    [InlineData("HEAD", "/generator", 200)]
    [InlineData("GET", "/status?status=204%20No%20Content", 204)]
    [InlineData("GET", "/status?status=304%20Not%20Modified", 304)]
    public async Task Bodiless_ThroughNginx_KeepsTheUpstreamConnectionInStep(string method, string target, int status)
    {
        using var client = await Behind.ConnectAsync();
        for (var turn = 0; turn < 5; turn++)
        {
            Assert.Equal(status, (await client.RequestAsync($"{method} {target} HTTP/1.1\r\nHost: test\r\n\r\n")).Status);
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
        }
    }

    [Fact]
    public async Task Mistake_OfTheApp_Is500ThroughNginxAndTheNextIsServed()
    {
        using var client = await Behind.ConnectAsync();
        Assert.Equal(500, (await client.GetAsync("/mistake/before")).Status);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Client_LeavingNginxInADownload_HasTheIteratorClosed()
    {
        var name = Pattern.Name();
        using (var client = await Behind.ConnectAsync())
        {
            await client.SendAsync($"GET /big?size=2000000000&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.ReceiveBytesAsync(100_000);
            client.Abort();
        }

        await Behind.Server.Log.WaitForMark($"closed {name} 1");
        await Behind.Server.AssertServesAsync();
    }
}

public sealed class NginxOverTcpTests(BehindNginxOverTcp behind) : NginxTests(behind), IClassFixture<BehindNginxOverTcp>
{
    /// <summary>The upstream's port stays the same only where the connection does; X-Forwarded-For leaves REMOTE_PORT alone.</summary>
    [Fact]
    public async Task Upstream_BetweenRequests_IsKept()
    {
        using var client = await Behind.ConnectAsync();
        HashSet<string?> ports = [];
        for (var turn = 0; turn < 20; turn++)
        {
            ports.Add(EnvironTests.Value((await client.GetAsync("/environ")).Json(), "REMOTE_PORT"));
        }

        Assert.InRange(ports.Count, 1, 4);
    }
}

public sealed class NginxOverUnixSocketTests(BehindNginxOverUnixSocket behind) : NginxTests(behind), IClassFixture<BehindNginxOverUnixSocket>;
