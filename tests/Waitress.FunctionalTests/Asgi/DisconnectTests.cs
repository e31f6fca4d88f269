using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>Clients that leave, and clients that only half-close.</summary>
public sealed class AsgiDisconnectTests(AsgiServer server) : IClassFixture<AsgiServer>
{
    [Theory]
    [InlineData("GET /until-left?name={0} HTTP/1.1\r\nHost: test\r\n\r\n")]
    [InlineData("POST /until-left?name={0} HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc")]
    public async Task Client_ThatIsGone_IsADisconnectAndSendRaises(string request)
    {
        var name = Pattern.Name();
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, request, name));
            await server.Log.WaitForMark("entered " + name);
            client.Abort();
        }

        await server.Log.WaitForMark("http.disconnect " + name);
        await server.Log.WaitForMark($"again http.disconnect {name}");
        await server.Log.WaitForMark("oserror " + name);
        await server.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Client_ClosingInAStream_IsSeenByTheTaskThatWatches()
    {
        var name = Pattern.Name();
        using (var client = await server.ConnectAsync())
        {
            await client.SendAsync($"GET /watch?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.ReceiveHeadAsync();
        }

        await server.Log.WaitForMark("left " + name);
        await server.Log.WaitForMark("done " + name);
    }

    [Fact]
    public async Task Task_ThatOutlivesTheApp_IsToldThatItIsOver()
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /lingering?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 500);
        await server.Log.WaitForMark("http.disconnect " + name);
    }

    [Theory]
    [InlineData("/generator")]
    [InlineData("/half?after=0.2")]
    [InlineData("/half?after=1.6")]
    public async Task Client_HalfClosing_StillGetsItsAnswer(string target)
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
        client.FinishSending();
        Assert.Equal(200, (await client.ReceiveAsync()).Status);
        await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Client_LeavingWhileSendWaits_LeavesNoneOfTheBodyBehind()
    {
        await using var other = await PythonServer.StartAsync("asgi_suite:app");
        var before = await RssAsync(other);
        for (var turn = 0; turn < 30; turn++)
        {
            var name = Pattern.Name();
            using var client = await RawClient.ConnectAsync(other.EndPoint, receiveBuffer: 4096);
            await client.SendAsync($"GET /big?size=8000000&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.ReceiveBytesAsync(1000);
            client.Abort();
            await other.Log.WaitForMark($"oserror {name} True");
        }

        Assert.InRange(await RssAsync(other) - before, long.MinValue, 120_000); // KiB; 240 MB would stay otherwise.
        Assert.Equal(0, await other.StopAsync());
    }

    [Fact]
    public async Task Client_LeavingInManyPhases_LeavesNothingBehind()
    {
        var from = server.Log.Lines.Count;
        var random = new Random(7);
        foreach (var target in new[] { "/hello", "/stream?count=2000&pause", "/sleep?seconds=0.02", "/big?size=3000000", "/until-left", "/digest", "/half?after=0.01" })
        {
            for (var turn = 0; turn < 8; turn++)
            {
                using var client = await server.ConnectAsync();
                await client.SendAsync($"POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nab" + (random.Next(2) == 0 ? "" : "cd"));
                for (var step = random.Next(4); step > 0; step--)
                    await Task.Yield();
                if (random.Next(2) == 0)
                    client.Abort();
            }
        }

        await server.Server.AssertServesAsync();
        Assert.DoesNotContain(server.Log.Lines.Skip(from), line => line.Contains("Fault in the server", StringComparison.Ordinal) || line.Contains("never retrieved", StringComparison.Ordinal));
    }

    private static async Task<long> RssAsync(PythonServer server)
    {
        using var client = await server.ConnectAsync();
        return long.Parse((await client.GetAsync("/rss")).Text, System.Globalization.CultureInfo.InvariantCulture);
    }
}
