using Waitress.FunctionalTests.Admin;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>deploy/haproxy/haproxy.cfg as it stands, with ports of the test: two servers, of which one ends under load.</summary>
public sealed class HaproxyFileTests
{
    private static readonly string[] Options =
        ["--admin-listen=127.0.0.1:0", "--trusted-proxy=127.0.0.1", "--trusted-proxy-headers=x-forwarded-for x-forwarded-proto x-forwarded-host"];

    [Fact]
    public async Task Config_WithTwoServers_SurvivesTheEndOfOneWithoutAFailedRequest()
    {
        await using var first = await PythonServer.StartAsync("suite:app", Options);
        await using var second = await PythonServer.StartAsync("suite:app", Options);
        using var firstAdmin = await AdminClient.OfAsync(first.Log);
        using var secondAdmin = await AdminClient.OfAsync(second.Log);
        await using var haproxy = await Haproxy.StartAsync((first, firstAdmin), (second, secondAdmin));

        using (var client = await RawClient.ConnectAsync(haproxy.EndPoint))
        {
            var answer = await client.GetAsync("/environ", "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nForwarded: for=203.0.113.7\r\n");
            Assert.Equal(("127.0.0.1", "http", "test"),
                (EnvironTests.Value(answer.Json(), "REMOTE_ADDR"), EnvironTests.Value(answer.Json(), "wsgi.url_scheme"), EnvironTests.Value(answer.Json(), "HTTP_HOST")));
            Assert.DoesNotContain("203.0.113.7", answer.Text, StringComparison.Ordinal);
        }

        using var stop = new CancellationTokenSource();
        var answers = 0;
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                using var client = await RawClient.ConnectAsync(haproxy.EndPoint);
                for (var turn = 0; turn < 10; turn++)
                {
                    Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
                    Interlocked.Increment(ref answers);
                }
            }
        })).ToArray();
        await Deadline.Until(() => Volatile.Read(ref answers) > 100 || clients.Any(each => each.IsFaulted), "both serve");
        Assert.Equal(0, await first.StopAsync());
        await haproxy.Log.WaitForLog("waitress/app1 is DOWN");
        var then = Volatile.Read(ref answers);
        await Deadline.Until(() => Volatile.Read(ref answers) > then + 100 || clients.Any(each => each.IsFaulted), "the other serves alone");
        await stop.CancelAsync();
        await Task.WhenAll(clients).Within("the clients end");
        Assert.Equal(0, await second.StopAsync());
    }
}
