using Waitress.Asgi;
using Waitress.Guards;

namespace Waitress.Tests.Asgi;

public class SpreadTests
{
    private readonly List<int> _woken = [];

    [Fact]
    public void Enqueue_LoopsAtRest_GoesByTurns()
    {
        var (spread, inboxes) = Loops(3);
        for (var number = 0; number < 3; number++)
        {
            Assert.Null(spread.Enqueue($"{number}"));
            inboxes[number].Answered();
        }

        Assert.Equal([1, 1, 1], inboxes.Select(Begun));
    }

    [Fact]
    public void Enqueue_UnequalLoops_GoesToTheOneWithTheFewest()
    {
        var (spread, inboxes) = Loops(3);
        for (var number = 0; number < 9; number++)
            Assert.Null(spread.Enqueue($"{number}"));
        Assert.Equal([3, 3, 3], inboxes.Select(inbox => inbox.Open));
        inboxes[1].Answered();
        inboxes[1].Answered();
        Assert.Null(spread.Enqueue("a"));
        Assert.Null(spread.Enqueue("b"));
        Assert.Equal([3, 3, 3], inboxes.Select(inbox => inbox.Open));
        Assert.Equal([3, 5, 3], inboxes.Select(Begun));
    }

    [Fact]
    public void Enqueue_RetiredLoop_GetsNothingMoreAndIsToldToStop()
    {
        var (spread, inboxes) = Loops(2);
        spread.Enqueue("before");
        spread.Retire(inboxes[0]);
        for (var number = 0; number < 4; number++)
            Assert.Null(spread.Enqueue($"{number}"));
        Assert.Equal((1, 4), (inboxes[0].Open, inboxes[1].Open));
        var taken = inboxes[0].Take(out var goesOn, out var stops);
        Assert.Equal(("before", false, true), (Assert.Single(taken).Request, goesOn, stops));
        inboxes[1].Take(out goesOn, out stops);
        Assert.Equal((true, false), (goesOn, stops));
    }

    [Fact]
    public void Enqueue_LoopThatEndedByItself_IsPassedOver()
    {
        var (spread, inboxes) = Loops(2);
        inboxes[0].Close();
        Assert.Null(spread.Enqueue("a"));
        Assert.Null(spread.Enqueue("b"));
        Assert.Equal((0, 2), (inboxes[0].Open, inboxes[1].Open));
    }

    [Fact]
    public void Enqueue_NoLoopLeft_IsRefused()
    {
        var (spread, inboxes) = Loops(2);
        spread.Remove(inboxes[0]);
        spread.Retire(inboxes[1]);
        Assert.Same(Refusal.Stopping, spread.Enqueue("a"));
        Assert.Same(Refusal.Stopping, new Spread<string, object>().Enqueue("a"));
    }

    [Fact]
    public void Enqueue_LimitOfAllLoopsTogether_IsKept()
    {
        var (spread, inboxes) = Loops(2, most: 3);
        Assert.Equal([null, null, null, Refusal.TooManyAtOnce], Enumerable.Range(0, 4).Select(number => spread.Enqueue($"{number}")));
        spread.Retire(inboxes[0]);
        Assert.Same(Refusal.TooManyAtOnce, spread.Enqueue("still"));
        inboxes[0].Answered();
        Assert.Null(spread.Enqueue("room"));
    }

    [Fact]
    public void Add_AfterClose_IsClosedToo()
    {
        var (spread, _) = Loops(1);
        spread.Close();
        var late = new LoopInbox<string, object>(() => { });
        spread.Add(late);
        Assert.False(late.TryAdd("a"));
    }

    [Fact]
    public void Enqueue_FromManyThreads_LosesAndCountsEachOnce()
    {
        const int threads = 4, each = 5_000;
        var (spread, inboxes) = Loops(2);
        var answered = 0;
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread =>
        {
            for (var number = 0; number < each; number++)
            {
                Assert.Null(spread.Enqueue($"{thread} {number}"));
                if (number % 2 == 0)
                    continue;

                // As the loops do: without the lock.
                inboxes[thread % 2].Answered();
                Interlocked.Increment(ref answered);
            }
        });
        Assert.Equal((threads * each) - answered, inboxes.Sum(inbox => inbox.Open));
        Assert.Equal(threads * each, inboxes.Sum(Begun));
    }

    [Fact]
    public void Inbox_WokenOnceUntilItRests_LosesNothing()
    {
        var (_, inboxes) = Loops(1);
        var inbox = inboxes[0];
        inbox.TryAdd("a");
        inbox.Post(this, LoopEvent.Read);
        Assert.Equal([0], _woken);
        var taken = inbox.Take(out _, out _);
        Assert.Equal(["a", null], taken.Select(item => item.Request));
        taken.Clear();
        inbox.TryAdd("b");
        Assert.Equal([0], _woken);
        Assert.False(inbox.TryRest(stopTold: false, out _)); // Found without a wake-up.
        Assert.NotEqual(0, inbox.WaitingSince);
        inbox.Take(out _, out _).Clear();
        Assert.True(inbox.TryRest(stopTold: false, out var closed));
        Assert.Equal((0, false), (inbox.WaitingSince, closed));
        inbox.Close();
        Assert.Equal([0, 0], _woken);
        Assert.True(inbox.TryRest(stopTold: false, out closed));
        Assert.True(closed);
    }

    private static int Begun(LoopInbox<string, object> inbox)
    {
        var taken = inbox.Take(out _, out _);
        var count = taken.Count(item => item.Request is not null);
        taken.Clear();
        return count;
    }

    private (Spread<string, object> Spread, List<LoopInbox<string, object>> Inboxes) Loops(int count, int most = int.MaxValue)
    {
        var spread = new Spread<string, object>(most);
        List<LoopInbox<string, object>> inboxes = [.. Enumerable.Range(0, count).Select(number => new LoopInbox<string, object>(() => _woken.Add(number)))];
        inboxes.ForEach(spread.Add);
        return (spread, inboxes);
    }
}
