using Waitress.Configuration;
using Waitress.Dispatch;
using Waitress.Workers;

namespace Waitress.Tests.Workers;

public sealed class PoolTests
{
    private static readonly Settings Two = new() { Workers = 2, RequestTimeout = 5 };

    private static QueueState Active(int active) => new(Waiting: 0, TimeSpan.Zero, Taken: 0, active, Idle: 0, Target: active);

    [Fact]
    public async Task Fill_ThreadsAreOnTheirWayOrDoNotCome_OrdersEachOnceAndAgainAfterAWhile()
    {
        await using var rig = await PoolRig.StartAsync(Two);
        rig.Pool.Fill(); // Python starts the first ones by itself.
        Assert.Equal(0, rig.Pool.Orders.Take().Threads);
        rig.Hire();
        rig.Pool.Fill();
        Assert.Equal(0, rig.Pool.Orders.Take().Threads);
        rig.Time.Advance(TimeSpan.FromSeconds(6));
        rig.Pool.Fill();
        rig.Pool.Fill();
        Assert.Equal(1, rig.Pool.Orders.Take().Threads);
    }

    [Fact]
    public async Task Resize_MoreAndFewer_OrdersThreadsAndSendsRestingOnesHome()
    {
        await using var rig = await PoolRig.StartAsync(Two);
        var workers = Enumerable.Range(0, 2).Select(_ => rig.Hire()).ToArray();
        Assert.Equal(4, rig.Pool.Resize(4));
        Assert.Equal(2, rig.Pool.Orders.Take().Threads);
        var more = rig.Hire();
        rig.Hire();
        Assert.Equal(4, rig.Pool.Resize(2)); // None rests: they go another time.
        more.Seat.Wake();
        Assert.False(rig.Queue.Wait(more.Seat));
        Assert.Equal(3, rig.Pool.Resize(2));
        rig.Pool.Leave(more);
        rig.Pool.Fill();
        Assert.Equal(0, rig.Pool.Orders.Take().Threads);
        rig.Pool.Leave(workers[0]); // One that fails is replaced.
        rig.Pool.Fill();
        Assert.Equal(1, rig.Pool.Orders.Take().Threads);
    }

    [Fact]
    public async Task Fill_AsManyStuckAsMayBe_OrdersNoMore()
    {
        await using var rig = await PoolRig.StartAsync(new() { Workers = 1, RequestTimeout = 5 });
        var timeouts = rig.Timeouts();
        for (var i = 0; i <= Pool.MostStuck; i++)
        {
            var worker = rig.Hire();
            rig.Serve(worker, "/", _ =>
            {
                rig.Time.Advance(TimeSpan.FromSeconds(5));
                timeouts.Look();
                return false;
            });
            var expected = i < Pool.MostStuck ? 1 : 0;
            Assert.Equal(expected, rig.Pool.Orders.Take().Threads);
        }
    }

    [Fact]
    public async Task Read_BusyThreads_TellsSinceWhenEveryOneIs()
    {
        await using var rig = await PoolRig.StartAsync(Two);
        var (one, two) = (rig.Hire(), rig.Hire());
        rig.Queue.Retarget(2);
        rig.Time.Advance(TimeSpan.FromSeconds(1));
        rig.Serve(one, "/one", call =>
        {
            rig.Time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal((2, 1, 0L), (rig.Pool.Read().Threads, rig.Pool.Read().Busy, rig.Pool.Read().EveryBusySince));
            rig.Serve(two, "/two", inner =>
            {
                var since = rig.Time.GetTimestamp() * 100;
                rig.Time.Advance(TimeSpan.FromSeconds(1));
                var all = rig.Pool.Read();
                Assert.Equal((2, since, 3_000_000_000L, 0L), (all.Busy, all.EveryBusySince, all.BusyTime, all.Completed));
                inner.Exchange.Response.Start(204, null);
                return inner.End();
            });
            call.Exchange.Response.Start(204, null);
            return call.End();
        });
        var after = rig.Pool.Read();
        Assert.Equal((0, 0L, 2L, 3_000_000_000L), (after.Busy, after.EveryBusySince, after.Completed, after.BusyTime));
        rig.Pool.Leave(one);
        Assert.Equal((1, 2L, 3_000_000_000L), (rig.Pool.Read().Threads, rig.Pool.Read().Completed, rig.Pool.Read().BusyTime));
    }

    [Fact]
    public async Task Growth_MoreWantedAndThenNotNeeded_GrowsAtOnceAndShrinksAfterAWindow()
    {
        await using var rig = await PoolRig.StartAsync(Two);
        var growth = new Growth(rig.Pool, least: 2, most: 8, rig.Time);
        var workers = Enumerable.Range(0, 2).Select(_ => rig.Hire()).ToList();
        Assert.Equal(6, growth.Look(Active(2), 6));
        Assert.Equal(4, rig.Pool.Orders.Take().Threads);
        Assert.True(growth.IsGrown);
        for (var i = 0; i < 4; i++)
            workers.Add(rig.Hire());
        foreach (var worker in workers)
        {
            worker.Seat.Wake();
            Assert.False(rig.Queue.Wait(worker.Seat));
        }

        // Six were needed in the first window, three in the next.
        Assert.Equal(6, growth.Look(Active(6), 6));
        rig.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(6, growth.Look(Active(3), 6));
        rig.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(6, growth.Look(Active(2), 6));
        rig.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, growth.Look(Active(0), 6));
        Assert.Equal(3, rig.Pool.Places);
        rig.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(2, growth.Look(Active(0), 3));
        Assert.False(growth.IsGrown);
    }
}
