using System.Collections.Concurrent;
using Waitress.Dispatch;

namespace Waitress.Tests.Dispatch;

public sealed class RequestQueueTests
{
    private readonly ManualTime time = new();

    private readonly Seat own = new();

    private RequestQueue<string> Queue(int capacity = 100) => new(capacity, time);

    /// <summary>Seats that rest, the last one on top. Woken beforehand, so that the thread of the test does not stay in them.</summary>
    private static Seat[] Resting(RequestQueue<string> queue, int count)
    {
        var seats = new Seat[count];
        for (var i = 0; i < count; i++)
        {
            seats[i] = new Seat();
            seats[i].Wake();
            Assert.False(queue.Wait(seats[i]));
        }

        return seats;
    }

    private static void Add(RequestQueue<string> queue, params string[] items)
    {
        foreach (var item in items)
            Assert.Equal(Admission.Queued, queue.Add(item));
    }

    [Fact]
    public void TryTake_SeveralWait_FirstInFirstOut()
    {
        var queue = Queue();
        Add(queue, "a", "b", "c");
        Assert.True(queue.Wait(new Seat()));
        Assert.Equal(["a", "b", "c"], Enumerable.Range(0, 3).Select(_ => queue.TryTake(own, out var item, out _) ? item : null));
        Assert.False(queue.TryTake(own, out _, out _));
    }

    [Fact]
    public void TryAdd_Full_Refuses()
    {
        var queue = Queue(capacity: 2);
        Add(queue, "a", "b");
        Assert.False(queue.TryAdd("c"));
        Assert.True(queue.Wait(new Seat()));
        Assert.True(queue.TryTake(own, out _, out _));
        Assert.True(queue.TryAdd("d"));
        Assert.False(queue.TryAdd("e"));
    }

    [Fact]
    public void Read_SomeWait_TellsNumbersAndAge()
    {
        var queue = Queue();
        Assert.Equal(new QueueState(0, TimeSpan.Zero, 0, 0, 4, 1), queue.Read());
        Add(queue, "a");
        time.Advance(TimeSpan.FromMilliseconds(3));
        Add(queue, "b");
        time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.Equal(new QueueState(2, TimeSpan.FromMilliseconds(7), 0, 0, 4, 1), queue.Read());
        Assert.True(queue.Wait(new Seat()));
        Assert.True(queue.TryTake(own, out _, out _));
        Assert.Equal(new QueueState(1, TimeSpan.FromMilliseconds(4), 1, 1, 3, 1), queue.Read());
    }

    [Fact]
    public void TryAdd_SeatsRest_WakesTheLastThatWentToRestAndNoMoreThanTheTarget()
    {
        var queue = Queue();
        var seats = Resting(queue, 3);
        Add(queue, "a");
        Assert.Equal([false, false, true], seats.Select(seat => seat.Active));
        Add(queue, "b", "c");
        Assert.Equal([false, false, true], seats.Select(seat => seat.Active));
    }

    [Fact]
    public void Retarget_MoreWhileWorkWaits_WakesOneAndThatOneTheNext()
    {
        var queue = Queue();
        var seats = Resting(queue, 3);
        Add(queue, "a", "b", "c", "d");
        queue.Retarget(3);
        Assert.Equal([false, true, true], seats.Select(seat => seat.Active));
        Assert.True(queue.TryTake(own, out _, out _));
        Assert.Equal([true, true, true], seats.Select(seat => seat.Active));
    }

    [Fact]
    public void Retarget_MoreWhileNothingWaits_WakesNobody()
    {
        var queue = Queue();
        var seats = Resting(queue, 3);
        queue.Retarget(3);
        Assert.DoesNotContain(seats, seat => seat.Active);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-5, 1)]
    [InlineData(3, 3)]
    [InlineData(99, 4)]
    public void Retarget_AnyNumber_IsBetweenOneAndTheSeats(int wanted, int target)
    {
        var queue = Queue();
        queue.Retarget(wanted);
        Assert.Equal(target, queue.Read().Target);
    }

    [Fact]
    public void Retarget_Fewer_TheNextToAskRestsAndTheOtherGoesOn()
    {
        var queue = Queue();
        queue.Retarget(2);
        var seats = Resting(queue, 2);
        Add(queue, "a", "b", "c", "d");
        Assert.True(queue.TryTake(own, out _, out _));
        Assert.Equal(2, queue.Read().Active);
        queue.Retarget(1);
        Assert.False(queue.TryTake(own, out _, out _));
        seats[1].Wake();
        queue.Wait(seats[1]);
        Assert.False(seats[1].Active);
        Assert.True(queue.TryTake(own, out _, out _));
        Assert.True(queue.Wait(seats[0]));
        Assert.Equal(1, queue.Read().Active);
    }

    [Fact]
    public void Close_WorkWaits_IsStillHandedOutThenSeatsGoHome()
    {
        var queue = Queue();
        var seat = new Seat();
        Add(queue, "a", "b");
        queue.Close();
        Assert.False(queue.TryAdd("c"));
        Assert.True(queue.Wait(seat));
        Assert.True(queue.TryTake(own, out var first, out _));
        Assert.True(queue.Wait(seat));
        Assert.True(queue.TryTake(own, out var second, out _));
        Assert.Equal(("a", "b"), (first, second));
        Assert.False(queue.Wait(seat));
        Assert.False(queue.Wait(new Seat()));
        Assert.Equal(0, queue.Read().Active);
    }

    [Fact]
    public async Task Close_SeatsRest_SendsThemHome()
    {
        var queue = Queue();
        var seats = Enumerable.Range(0, 4).Select(_ => new Seat()).ToArray();
        var waits = seats.Select(seat => Task.Factory.StartNew(() => queue.Wait(seat), TaskCreationOptions.LongRunning)).ToArray();
        queue.Close();
        Assert.All(await Task.WhenAll(waits).WaitAsync(TimeSpan.FromSeconds(20)), Assert.False);
    }

    [Fact]
    public void Queue_ManyThreadsAndChangingTargets_EachItemTakenOnceAndNoWakeUpLost()
    {
        const int Items = 20_000, Producers = 2, Seats = 4;
        var queue = new RequestQueue<string>(64, Seats, TimeProvider.System);
        var taken = new ConcurrentDictionary<string, int>();
        var left = new CountdownEvent(Items);
        var workers = Threads(Seats, _ =>
        {
            using var seat = new Seat();
            while (queue.Wait(seat))
            {
                while (queue.TryTake(out var item))
                {
                    taken.AddOrUpdate(item, 1, (_, count) => count + 1);
                    left.Signal();
                }
            }
        });
        var producers = Threads(Producers, number =>
        {
            for (var i = 0; i < Items / Producers; i++)
            {
                while (!queue.TryAdd($"{number}:{i}"))
                    Thread.Yield();
                if (i % 50 == 0)
                    queue.Retarget((i / 50 % (Seats + 1)) + number);
            }
        });

        // A lost wake-up leaves items behind although the target allows a thread: then this does not come to an end.
        Assert.True(left.Wait(TimeSpan.FromSeconds(60)), $"{left.CurrentCount} items were left: {queue.Read()}");
        queue.Close();
        Assert.All(producers.Concat(workers), thread => Assert.True(thread.Join(TimeSpan.FromSeconds(20))));
        Assert.Equal(Items, taken.Count);
        Assert.All(taken.Values, count => Assert.Equal(1, count));
    }

    private static List<Thread> Threads(int count, Action<int> body)
    {
        var threads = Enumerable.Range(0, count).Select(number => new Thread(() => body(number)) { IsBackground = true }).ToList();
        threads.ForEach(thread => thread.Start());
        return threads;
    }
}
