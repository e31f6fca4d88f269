using System.Collections.Concurrent;
using Waitress.Dispatch;

namespace Waitress.Tests.Dispatch;

public sealed class RequestQueueTests
{
    private readonly ManualTime time = new();

    private readonly Seat own = new(); // Of the thread of the test.

    private RequestQueue<string> Queue(int capacity = 100)
    {
        var queue = new RequestQueue<string>(capacity, time);
        queue.Join(own);
        return queue;
    }

    /// <summary>Seats that rest, the last one on top. Woken beforehand, so that the thread of the test does not stay in them.</summary>
    private static Seat[] Resting(RequestQueue<string> queue, int count)
    {
        var seats = new Seat[count];
        for (var i = 0; i < count; i++)
        {
            seats[i] = new Seat();
            queue.Join(seats[i]);
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
        Assert.True(queue.Wait(own));
        Assert.Equal(["a", "b", "c"], Enumerable.Range(0, 3).Select(_ => queue.TryTake(own, out var item, out var _) ? item : null));
        Assert.False(queue.TryTake(own, out _, out _));
    }

    [Fact]
    public void Add_AsManyWaitAsMay_RefusesUntilOneIsTaken()
    {
        var queue = Queue(capacity: 2);
        Add(queue, "a");
        Assert.True(queue.Wait(own));
        Add(queue, "b");
        Assert.Equal(Admission.Full, queue.Add("c"));
        Assert.True(queue.TryTake(own, out _, out _));
        Add(queue, "d");
        Assert.Equal(Admission.Full, queue.Add("e"));
    }

    [Fact]
    public void Add_SeatsRestOrAreOnTheirWay_TheirRequestsDoNotCount()
    {
        var queue = Queue(capacity: 1);
        Assert.False(queue.TryTake(own, out _, out _));
        var seats = Resting(queue, 2);
        queue.Leave(own);
        queue.Retarget(2);
        Add(queue, "first seat's", "second seat's", "waits");
        Assert.Equal(Admission.Full, queue.Add("one too many"));
        Assert.True(queue.TryTake(seats[0], out _, out _));
        Assert.Equal(Admission.Full, queue.Add("its seat has taken one"));
        Assert.True(queue.TryTake(seats[1], out _, out _));
        Assert.Equal(Admission.Full, queue.Add("the other too"));
        Assert.True(queue.TryTake(seats[1], out _, out _));
        Add(queue, "waits");
    }

    [Fact]
    public void TryExpire_OnlyTheFirstIsOlder_TakesOnlyThat()
    {
        var queue = Queue();
        Assert.False(queue.TryExpire(TimeSpan.Zero, out _));
        Add(queue, "a");
        time.Advance(TimeSpan.FromMilliseconds(3));
        Add(queue, "b");
        Assert.False(queue.TryExpire(TimeSpan.FromMilliseconds(3), out _));
        Assert.True(queue.TryExpire(TimeSpan.FromMilliseconds(2), out var late));
        Assert.Equal("a", late);
        Assert.False(queue.TryExpire(TimeSpan.FromMilliseconds(2), out _));
        Assert.Equal(0, queue.Read().Taken);
    }

    [Fact]
    public void Leave_SeatThatServes_ItsPlaceIsFreeForTheNext()
    {
        var queue = Queue();
        Add(queue, "a");
        Assert.True(queue.Wait(own));
        Assert.True(queue.TryTake(own, out _, out _));
        var seats = Resting(queue, 1);
        Add(queue, "b");
        Assert.False(seats[0].Active);
        queue.Leave(own);
        Assert.True(seats[0].Active);
        Assert.Equal((1, 0), (queue.Read().Active, queue.Read().Idle));
        queue.Leave(own);
        Assert.Equal((1, 0), (queue.Read().Active, queue.Read().Idle));
        Assert.False(queue.Wait(own));
    }

    [Fact]
    public void Dismiss_SomeRest_SendsThoseHomeThatRestedLongest()
    {
        var queue = Queue();
        queue.Leave(own);
        var seats = Resting(queue, 3);
        Assert.Equal(2, queue.Dismiss(2));
        Assert.Equal([false, false, true], seats.Select(seat => seat.Present));
        Assert.False(queue.Wait(seats[0]));
        Add(queue, "a");
        Assert.True(seats[2].Active);
        Assert.Equal(0, queue.Dismiss(5));
    }

    [Fact]
    public void Read_SomeWait_TellsNumbersAndAge()
    {
        var queue = Queue();
        for (var i = 0; i < 3; i++)
            queue.Join(new Seat());
        Assert.Equal(new QueueState(0, TimeSpan.Zero, 0, 0, 4, 1), queue.Read());
        Add(queue, "a");
        time.Advance(TimeSpan.FromMilliseconds(3));
        Add(queue, "b");
        time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.Equal(new QueueState(2, TimeSpan.FromMilliseconds(7), 0, 0, 4, 1), queue.Read());
        Assert.True(queue.Wait(own));
        Assert.True(queue.TryTake(own, out _, out _));
        Assert.Equal(new QueueState(1, TimeSpan.FromMilliseconds(4), 1, 1, 3, 1), queue.Read());
    }

    [Fact]
    public void Add_SeatsRest_WakesTheLastThatWentToRestAndNoMoreThanTheTarget()
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
    [InlineData(99, 99)]
    public void Retarget_AnyNumber_IsOneAtLeast(int wanted, int target)
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
        var seat = own;
        Add(queue, "a", "b");
        queue.Close();
        Assert.Equal(Admission.Closed, queue.Add("c"));
        Assert.True(queue.Wait(seat));
        Assert.True(queue.TryTake(own, out var first, out _));
        Assert.True(queue.Wait(seat));
        Assert.True(queue.TryTake(own, out var second, out _));
        Assert.Equal(("a", "b"), (first, second));
        Assert.False(queue.Wait(seat));
        Assert.False(queue.Wait(own));
        Assert.Equal(0, queue.Read().Active);
    }

    [Fact]
    public async Task Close_SeatsRest_SendsThemHome()
    {
        var queue = Queue();
        var seats = Enumerable.Range(0, 4).Select(_ => new Seat()).ToArray();
        foreach (var each in seats)
            queue.Join(each);
        var waits = seats.Select(seat => Task.Factory.StartNew(() => queue.Wait(seat), TaskCreationOptions.LongRunning)).ToArray();
        queue.Close();
        Assert.All(await Task.WhenAll(waits).WaitAsync(TimeSpan.FromSeconds(20)), Assert.False);
    }

    [Fact]
    public void Queue_ManyThreadsAndChangingTargets_EachItemTakenOnceAndNoWakeUpLost()
    {
        const int Items = 20_000, Producers = 2, Seats = 4;
        var queue = new RequestQueue<string>(64, TimeProvider.System);
        var taken = new ConcurrentDictionary<string, int>();
        var left = new CountdownEvent(Items);
        var workers = Threads(Seats, _ =>
        {
            using var seat = new Seat();
            queue.Join(seat);
            while (queue.Wait(seat))
            {
                while (queue.TryTake(seat, out var item, out var _))
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
                while (queue.Add($"{number}:{i}") == Admission.Full)
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
