using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Tests.Http;

namespace Waitress.Tests.Workers;

public sealed class QueueLimitsTests
{
    [Fact]
    public async Task Look_NoThreadComes_Answers503WithRetryAfterAndTellsOncePerSecond()
    {
        await using var rig = await PoolRig.StartAsync(new Settings { QueueTimeout = 2 });
        var clients = Enumerable.Range(0, 3).Select(_ =>
        {
            var (client, exchange) = rig.Ask("/");
            Assert.Equal(Admission.Queued, rig.Queue.Add(exchange));
            return client;
        }).ToArray();
        rig.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(rig.Limits.Look());
        rig.Time.Advance(TimeSpan.FromTicks(1));
        Assert.False(rig.Limits.Look());
        foreach (var client in clients)
        {
            var answer = client.Read();
            Assert.Equal((503, "1"), (answer.Status, RawConnection.Field(answer.Head, "Retry-After")));
            Assert.True(client.IsAtEnd());
        }

        Assert.Equal(["3 request(s) waited for a thread for longer than queue_timeout (2 s) and got 503"], rig.Told());
        rig.Limits.NoteFull();
        rig.Limits.NoteFull();
        Assert.True(rig.Limits.Look());
        Assert.Empty(rig.Told());
        rig.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(rig.Limits.Look());
        Assert.Equal(["2 request(s) got 503: as many as backlog_limit (100) were waiting for a thread"], rig.Told());
        Assert.Equal(5, rig.Pool.Read().Refused);
    }

    [Fact]
    public async Task ServeBatch_RequestIsTooLate_NeverReachesTheApp()
    {
        await using var rig = await PoolRig.StartAsync(new Settings { QueueTimeout = 2 });
        var worker = rig.Hire();
        var (late, exchange) = rig.Ask("/late");
        Assert.Equal(Admission.Queued, rig.Queue.Add(exchange));
        rig.Time.Advance(TimeSpan.FromSeconds(3));
        List<string> served = [];
        var (client, stays) = rig.Serve(worker, "/fresh", call =>
        {
            served.Add(call.Exchange.Request.RawTarget);
            call.Exchange.Response.Start(204, null);
            return call.End();
        });
        Assert.True(stays);
        Assert.Equal(["/fresh"], served);
        Assert.Equal(204, client.Read().Status);
        Assert.Equal(503, late.Read().Status);
        Assert.Equal((1L, 1L, 3_000_000_000L), (rig.Pool.Read().Completed, rig.Pool.Read().Refused, rig.Pool.Read().QueueWait));
    }

    [Fact]
    public async Task Request_BacklogFull_Is503WithRetryAfter()
    {
        using var entered = new SemaphoreSlim(0);
        using var go = new ManualResetEventSlim();
        await using var server = await EngineServer.StartAsync(
            exchange =>
            {
                entered.Release();
                Assert.True(go.Wait(TimeSpan.FromSeconds(20)));
                exchange.Response.Start(204, null);
            },
            EngineServer.Loopback with { BacklogLimit = 1 });
        using var served = server.Connect();
        served.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.True(entered.Wait(TimeSpan.FromSeconds(20)));
        using var waiting = server.Connect();
        waiting.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.True(SpinWait.SpinUntil(() => server.Queue.Waiting == 1, TimeSpan.FromSeconds(20)));
        using var refused = server.Connect();
        var answer = refused.Get();
        Assert.Equal((503, "1"), (answer.Status, RawConnection.Field(answer.Head, "Retry-After")));
        Assert.Contains("Too many requests are waiting", answer.Text, StringComparison.Ordinal);
        go.Set();
        Assert.Equal([204, 204], new[] { served.Read().Status, waiting.Read().Status });
    }
}
