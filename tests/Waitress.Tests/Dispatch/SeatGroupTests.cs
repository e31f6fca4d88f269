using System.Collections.Concurrent;
using Waitress.Dispatch;

namespace Waitress.Tests.Dispatch;

/// <summary>The queue with the seats of several interpreters.</summary>
public sealed class SeatGroupTests
{
    private readonly RequestQueue<string> queue = new(100, new ManualTime());

    /// <summary>Seats that rest. Woken beforehand, so that the thread of the test does not stay in them.</summary>
    private (SeatGroup Group, Seat[] Seats) Resting(int count)
    {
        var group = queue.NewGroup();
        var seats = Enumerable.Range(0, count).Select(_ => new Seat(group)).ToArray();
        foreach (var seat in seats)
        {
            queue.Join(seat);
            seat.Wake();
            Assert.False(queue.Wait(seat));
        }

        return (group, seats);
    }

    [Fact]
    public void Add_TwoGroupsRest_WakesOneSeatOfEach()
    {
        var first = Resting(2);
        var second = Resting(2);
        queue.Add("a");
        queue.Add("b");
        queue.Add("c");
        Assert.Equal((1, 1), (first.Seats.Count(seat => seat.Active), second.Seats.Count(seat => seat.Active)));
        Assert.Equal(2, queue.ReadAll().Active);
    }

    [Fact]
    public void Retarget_OneGroup_LeavesTheOtherAlone()
    {
        var first = Resting(3);
        var second = Resting(3);
        queue.Retarget(3, first.Group);
        foreach (var item in (string[])["a", "b", "c", "d"])
            queue.Add(item);
        while (first.Seats.Count(seat => seat.Active) < 3 && queue.TryTake(first.Seats.First(seat => seat.Active), out _, out _))
        {
        }

        Assert.Equal((3, 1), (queue.Read(first.Group).Target, queue.Read(second.Group).Target));
        Assert.Equal(1, queue.Read(second.Group).Active);
    }

    [Fact]
    public void Retire_SeatsRestAndServe_GoHomeAndTheOthersGetWhatWaits()
    {
        var old = Resting(2);
        queue.Add("a");
        var serving = old.Seats.Single(seat => seat.Active);
        Assert.True(queue.TryTake(serving, out _, out _));
        var fresh = Resting(1);
        queue.Retire(old.Group);
        Assert.False(queue.Wait(serving));
        queue.Leave(serving);
        Assert.False(queue.Wait(old.Seats.Single(seat => seat != serving)));
        queue.Add("b");
        Assert.True(fresh.Seats[0].Active);
        Assert.True(queue.TryTake(fresh.Seats[0], out var item, out _));
        Assert.Equal("b", item);
    }

    [Fact]
    public void Retire_SeatWasWokenForARequest_AnotherGroupGetsIt()
    {
        var old = Resting(1);
        var fresh = Resting(1);
        queue.Add("a");
        Assert.True(old.Seats[0].Active);
        queue.Retire(old.Group);
        Assert.False(queue.TryTake(old.Seats[0], out _, out _));
        Assert.False(queue.Wait(old.Seats[0]));
        queue.Leave(old.Seats[0]);
        Assert.True(fresh.Seats[0].Active);
    }

    [Fact]
    public void Read_OfAGroup_CountsItsOwnSeatsAndRequests()
    {
        var first = Resting(2);
        var second = Resting(3);
        queue.Add("a");
        var active = first.Seats.Concat(second.Seats).Single(seat => seat.Active);
        Assert.True(queue.TryTake(active, out _, out _));
        Assert.Equal((1L, 0L), (queue.Read(active.Group).Taken, queue.Read(active.Group == first.Group ? second.Group : first.Group).Taken));
        Assert.Equal((1L, 1, 4), (queue.ReadAll().Taken, queue.ReadAll().Active, queue.ReadAll().Idle));
    }

    [Fact]
    public void Queue_GroupsComeAndGoUnderLoad_EachItemIsTakenOnceAndNoneIsLost()
    {
        const int Items = 20_000;
        var busy = new RequestQueue<string>(64, TimeProvider.System);
        var taken = new ConcurrentDictionary<string, int>();
        using var left = new CountdownEvent(Items);
        var producer = new Thread(() =>
        {
            for (var i = 0; i < Items; i++)
            {
                while (busy.Add($"{i}") != Admission.Queued)
                    Thread.Yield();
            }
        })
        { IsBackground = true };
        producer.Start();
        var (group, threads) = Serve(busy, taken, left);
        while (!left.IsSet && producer.IsAlive)
        {
            var (fresh, others) = Serve(busy, taken, left);
            busy.Retire(group);
            Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromSeconds(20))));
            (group, threads) = (fresh, others);
        }

        Assert.True(left.Wait(TimeSpan.FromSeconds(60)), $"{left.CurrentCount} items were left: {busy.ReadAll()}");
        busy.Close();
        Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromSeconds(20))));
        Assert.Equal(Items, taken.Count);
        Assert.All(taken.Values, count => Assert.Equal(1, count));
    }

    private static (SeatGroup Group, List<Thread> Threads) Serve(RequestQueue<string> queue, ConcurrentDictionary<string, int> taken, CountdownEvent left)
    {
        var group = queue.NewGroup();
        var threads = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            using var seat = new Seat(group);
            queue.Join(seat);
            while (queue.Wait(seat))
            {
                while (queue.TryTake(seat, out var item, out var _))
                {
                    taken.AddOrUpdate(item, 1, (_, count) => count + 1);
                    left.Signal();
                }
            }

            queue.Leave(seat);
        })
        { IsBackground = true }).ToList();
        threads.ForEach(thread => thread.Start());
        return (group, threads);
    }
}
