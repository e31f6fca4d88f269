using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Clients;

/// <summary>--limit-per-address and --rate-limit.</summary>
public sealed class LimitPerClientTests
{
    private static readonly string[] Processes = ["--worker-class=process", "--workers=2"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connections_BeyondTheLimitOfAnAddress_AreClosedUntilOneEnds(bool processes)
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--limit-per-address=3", .. processes ? Processes : []]);
        List<RawClient> held = [];
        for (var index = 0; index < 3; index++)
        {
            held.Add(await RawClient.ConnectAsync(server.EndPoint, from: "127.0.0.2"));
            Assert.Equal(200, (await held[index].GetAsync("/hello")).Status);
        }

        await AccessTests.AssertShutOutAsync(server, "127.0.0.2");
        await AccessTests.AssertServedAsync(server, "127.0.0.3");
        Assert.Equal(200, (await held[2].GetAsync("/hello")).Status);
        await server.Log.WaitForLog("their addresses had as many open as limit_per_address allows; the last was from 127.0.0.2:");

        held[0].Dispose();
        await Deadline.Until(async () =>
        {
            try
            {
                using var next = await RawClient.ConnectAsync(server.EndPoint, from: "127.0.0.2");
                return (await next.GetAsync("/hello")).Status == 200;
            }
            catch (Exception e) when (e is TruncatedResponseException or System.Net.Sockets.SocketException)
            {
                return false;
            }
        }, "the place of a closed connection is free again");
        held.ForEach(client => client.Dispose());
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Connections_OfATrustedProxy_HaveNoLimit()
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--limit-per-address=1", "--trusted-proxy=127.0.0.1", "--trusted-proxy-headers=x-forwarded-for"]);
        List<RawClient> held = [];
        for (var index = 0; index < 5; index++)
        {
            held.Add(await server.ConnectAsync());
            Assert.Equal(200, (await held[index].GetAsync("/hello")).Status);
        }

        held.ForEach(client => client.Dispose());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Requests_BeyondTheRate_Are429OnTheirConnectionAndOtherClientsAreServed(bool processes)
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--rate-limit=4/h", .. processes ? Processes : []]);
        using var client = await RawClient.ConnectAsync(server.EndPoint, from: "127.0.0.2");
        using var again = await RawClient.ConnectAsync(server.EndPoint, from: "127.0.0.2");
        foreach (var each in new[] { client, again, again, client })
        {
            Assert.Equal(200, (await each.GetAsync("/hello")).Status);
        }

        for (var turn = 0; turn < 3; turn++)
        {
            var refused = await again.GetAsync("/hello");
            Assert.Equal((429, false), (refused.Status, refused.CloseAnnounced));
            Assert.InRange(int.Parse(refused.Header("Retry-After")!, CultureInfo.InvariantCulture), 1, 900);
        }

        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n");
        await Expected.RefusedAsync(client, 429);
        await AccessTests.AssertServedAsync(server, "127.0.0.3");
        await server.Log.WaitForLog("Refused 1 request(s) with 429: their clients sent more than rate_limit allows; the last was from 127.0.0.2");
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>One that Kestrel refuses before there is a head, one that the guard refuses, then what is left of the share.</summary>
    [Fact]
    public async Task Requests_ThatAreMalformed_CountAndTheLastSumIsToldAtTheStop()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--rate-limit=3/h"]);
        foreach (var bad in new[] { "BAD\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n" })
        {
            using var client = await server.ConnectAsync();
            await client.SendAsync(bad);
            await Expected.RefusedAsync(client, 400);
        }

        using var good = await server.ConnectAsync();
        Assert.Equal(200, (await good.GetAsync("/hello")).Status);
        for (var turn = 0; turn < 3; turn++)
            Assert.Equal(429, (await good.GetAsync("/hello")).Status);
        Assert.Equal(0, await server.StopAsync());
        Assert.Contains(server.Log.Lines, line => line.Contains("Refused 2 request(s) with 429", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Requests_AfterAPause_AreServedAgain()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--rate-limit=1/s"]);
        using var client = await server.ConnectAsync();
        await Deadline.Until(async () => (await client.GetAsync("/hello")).Status == 429, "the rate is reached");
        await Deadline.Until(async () => (await client.GetAsync("/hello")).Status == 200, "the client has its share again");
    }

    [Fact]
    public async Task Rate_BehindATrustedProxy_IsTheClients()
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--rate-limit=1/h", "--trusted-proxy=127.0.0.1", "--trusted-proxy-headers=x-forwarded-for"]);
        using var proxy = await server.ConnectAsync();
        foreach (var (client, status) in new[] { ("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429), ("2001:db8::1", 200), ("2001:db8::2", 429) })
        {
            Assert.Equal(status, (await proxy.GetAsync("/hello", $"X-Forwarded-For: {client}\r\n")).Status);
        }
    }
}
