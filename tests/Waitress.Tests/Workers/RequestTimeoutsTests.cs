using Waitress.Configuration;
using Waitress.Tests.Http;
using Waitress.Workers;

namespace Waitress.Tests.Workers;

public sealed class RequestTimeoutsTests
{
    private static readonly Settings FiveSeconds = new() { Workers = 1, RequestTimeout = 5 };

    [Fact]
    public async Task Look_CallOverItsTime_AnswersGivesTheThreadUpAndOrders()
    {
        await using var rig = await PoolRig.StartAsync(FiveSeconds);
        var (worker, timeouts) = (rig.Hire(), rig.Timeouts());
        var (client, stays) = rig.Serve(worker, "/slow?secret=1", call =>
        {
            rig.Time.Advance(TimeSpan.FromSeconds(4.999));
            timeouts.Look();
            Assert.False(call.IsOver);
            rig.Time.Advance(TimeSpan.FromMilliseconds(1));
            timeouts.Look();
            timeouts.Look();
            Assert.True(call.IsOver);
            using var scope = call.Enter();
            Assert.False(scope.Entered);
            return false;
        });
        Assert.False(stays);
        var answer = client.Read();
        Assert.Equal((504, "close"), (answer.Status, RawConnection.Field(answer.Head, "Connection")));
        Assert.Contains("The application took too long", answer.Text, StringComparison.Ordinal);
        Assert.True(client.IsAtEnd());
        var (threads, timedOut, recycle, _, _) = rig.Pool.Orders.Take();
        Assert.Equal([new TimedOut(7, 1, 5, "GET /slow")], timedOut);
        Assert.Equal((1, null), (threads, recycle));
        Assert.Equal((0, 1, 1L), (rig.Pool.Read().Threads, rig.Pool.Read().Stuck, rig.Pool.Read().TimedOut));
        rig.Time.Advance(TimeSpan.FromSeconds(2));
        rig.Pool.Leave(worker);
        Assert.Equal(0, rig.Pool.Read().Stuck);
        Assert.Equal(["GET /slow: its thread has ended, 2.0 s after request_timeout"], rig.Told());
    }

    [Fact]
    public async Task Look_InAScope_LeavesTheExchangeAndTheClientsTimeDoesNotCount()
    {
        await using var rig = await PoolRig.StartAsync(FiveSeconds);
        var (worker, timeouts) = (rig.Hire(), rig.Timeouts());
        var (client, stays) = rig.Serve(worker, "/", call =>
        {
            using (var scope = call.Enter())
            {
                Assert.True(scope.Entered);
                var began = call.BeginWait();
                rig.Time.Advance(TimeSpan.FromSeconds(60));
                timeouts.Look();
                call.EndWait(began);
            }

            Assert.Equal(TimeSpan.FromSeconds(5), call.Left);
            rig.Time.Advance(TimeSpan.FromSeconds(4));
            timeouts.Look();
            Assert.False(call.IsOver);
            call.Exchange.Response.Start(204, null);
            return call.End();
        });
        Assert.True(stays);
        Assert.Equal(204, client.Read().Status);
    }

    [Fact]
    public async Task Look_AnswerHasBegun_CutsIt()
    {
        await using var rig = await PoolRig.StartAsync(FiveSeconds);
        var (worker, timeouts) = (rig.Hire(), rig.Timeouts());
        var (client, _) = rig.Serve(worker, "/", call =>
        {
            using (call.Enter())
            {
                call.Exchange.Response.Start(200, null);
                call.Exchange.Response.Send("begun"u8);
            }

            rig.Time.Advance(TimeSpan.FromSeconds(5));
            timeouts.Look();
            return false;
        });
        var answer = client.Read();
        Assert.Equal((200, "begun", false), (answer.Status, answer.Text, answer.Complete));
        Assert.True(client.IsAtEnd());
    }

    [Fact]
    public async Task Look_CallHasEnded_LeavesItsAnswerAlone()
    {
        await using var rig = await PoolRig.StartAsync(FiveSeconds);
        var (worker, timeouts) = (rig.Hire(), rig.Timeouts());
        var (client, stays) = rig.Serve(worker, "/", call =>
        {
            call.Exchange.Response.Start(204, null);
            rig.Time.Advance(TimeSpan.FromSeconds(9));
            Assert.True(call.End());
            timeouts.Look();
            Assert.False(call.IsOver);
            return true;
        });
        Assert.True(stays);
        Assert.Equal(204, client.Read().Status);
        Assert.Empty(rig.Pool.Orders.Take().TimedOut);
    }

    [Theory]
    [InlineData(true, "stuck")]
    [InlineData(false, null)]
    public async Task Look_MoreThanHalfTheThreadsStuck_RecyclesASupervisedProcessOnceAfterAGrace(bool supervised, string? reason)
    {
        await using var rig = await PoolRig.StartAsync(FiveSeconds with { Workers = 3, Supervised = supervised });
        var timeouts = rig.Timeouts();
        for (var i = 0; i < 2; i++)
        {
            Assert.Null(rig.Pool.Orders.Take().Recycle);
            rig.Time.Advance(TimeSpan.FromSeconds(2));
            rig.Serve(rig.Hire(), "/", _ =>
            {
                rig.Time.Advance(TimeSpan.FromSeconds(5));
                timeouts.Look();
                return false;
            });
        }

        rig.Time.Advance(TimeSpan.FromSeconds(1));
        timeouts.Look();
        Assert.Null(rig.Pool.Orders.Take().Recycle);
        rig.Time.Advance(TimeSpan.FromMilliseconds(1));
        timeouts.Look();
        timeouts.Look();
        Assert.Equal(reason, rig.Pool.Orders.Take().Recycle);
        timeouts.Look();
        Assert.Null(rig.Pool.Orders.Take().Recycle);
        Assert.Equal(["1", "2"], rig.Told().Where(text => text.Contains("are stuck", StringComparison.Ordinal)).Select(text => text[..1]));
    }

    [Fact]
    public async Task Rest_ByWhatIsRunning_IsNotBeyondTheNextLimit()
    {
        await using var rig = await PoolRig.StartAsync(FiveSeconds);
        var (worker, timeouts) = (rig.Hire(), rig.Timeouts());
        Assert.Equal(Timeout.InfiniteTimeSpan, timeouts.Rest(active: false));
        Assert.Equal(TimeSpan.FromSeconds(5), timeouts.Rest(active: true));
        rig.Serve(worker, "/", call =>
        {
            rig.Time.Advance(TimeSpan.FromSeconds(2));
            Assert.Equal(TimeSpan.FromSeconds(3), timeouts.Rest(active: true));
            rig.Time.Advance(TimeSpan.FromSeconds(3));
            Assert.Equal(TimeSpan.FromMilliseconds(1), timeouts.Rest(active: true));
            timeouts.Look();
            Assert.Equal(TimeSpan.FromSeconds(1), timeouts.Rest(active: false));
            rig.Time.Advance(TimeSpan.FromSeconds(1.5));
            Assert.Equal(Timeout.InfiniteTimeSpan, timeouts.Rest(active: false));
            return false;
        });
    }
}
