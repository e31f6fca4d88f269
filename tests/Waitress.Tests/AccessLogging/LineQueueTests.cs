using System.Text;
using Waitress.AccessLogging;

namespace Waitress.Tests.AccessLogging;

public class LineQueueTests
{
    [Fact]
    public void Lines_OfManyThreads_ComeOutWholeInEachOnesOrder()
    {
        var queue = new LineQueue(linger: TimeSpan.Zero);
        var threads = Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            for (var i = 0; i < 5000; i++)
            {
                while (!queue.Add(Encoding.ASCII.GetBytes($"{number} {i} {new string('x', i % 300)}\n"), out _))
                    Thread.Yield();
            }
        })).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        var next = new int[4];
        var blocks = 0;
        while (next.Sum() < 20_000)
        {
            if (queue.Take(TimeSpan.FromSeconds(30)) is not { } block)
                continue;
            var text = Encoding.ASCII.GetString(block.Content);
            Assert.EndsWith("\n", text, StringComparison.Ordinal);
            var lines = text[..^1].Split('\n');
            Assert.Equal(block.Lines, lines.Length);
            foreach (var words in lines.Select(line => line.Split(' ')))
            {
                var number = words[0][0] - '0';
                Assert.Equal($"{next[number]}", words[1]);
                Assert.Equal(next[number]++ % 300, words[2].Length);
            }

            blocks++;
            queue.Return(block);
        }

        Assert.InRange(blocks, 1, 20_000);
        Assert.Equal((0, 0), (queue.Waiting, queue.Lost));
    }

    [Fact]
    public void Queue_ThatIsFull_CountsAndTellsOnce()
    {
        var queue = new LineQueue(most: 100, linger: TimeSpan.Zero);
        var line = Encoding.ASCII.GetBytes(new string('x', 49) + "\n");
        Assert.True(queue.Add(line, out _));
        Assert.True(queue.Add(line, out _));
        Assert.False(queue.Add(line, out var tell));
        Assert.True(tell);
        Assert.False(queue.Add(line, out tell));
        Assert.False(tell);
        Assert.Equal(2, queue.Lost);

        // What the writer has taken counts until it is written.
        var block = queue.Take(TimeSpan.Zero)!;
        Assert.False(queue.Add(line, out _));
        queue.Return(block);
        Assert.True(queue.Add(line, out _));
        Assert.Equal((3, 50), (queue.Lost, queue.Waiting));
    }

    [Fact]
    public void Line_LongerThanABlock_IsOneBlock()
    {
        var queue = new LineQueue(linger: TimeSpan.Zero);
        queue.Add("a\n"u8, out _);
        queue.Add(Encoding.ASCII.GetBytes(new string('x', 200_000) + "\n"), out _);
        queue.Add("b\n"u8, out _);
        var lengths = new List<int>();
        while (queue.Take(TimeSpan.Zero) is { } block)
        {
            lengths.Add(block.Length);
            queue.Return(block);
        }

        Assert.Equal([2, 200_001, 2], lengths);
    }

    [Fact]
    public void Queue_ThatIsClosed_GivesWhatItHas()
    {
        var queue = new LineQueue();
        queue.Add("a\n"u8, out _);
        queue.Close();
        Assert.False(queue.Add("b\n"u8, out _));
        Assert.Equal(1, queue.Take(Timeout.InfiniteTimeSpan)!.Lines);
        Assert.Null(queue.Take(Timeout.InfiniteTimeSpan));
        Assert.False(queue.Pause(Timeout.InfiniteTimeSpan));
    }

    [Fact]
    public void Writer_ThatIsAsked_ComesOutOnce()
    {
        var queue = new LineQueue(linger: TimeSpan.Zero);
        queue.Add("a\n"u8, out _);
        queue.Ask();
        Assert.Null(queue.Take(Timeout.InfiniteTimeSpan));
        Assert.NotNull(queue.Take(Timeout.InfiniteTimeSpan));
    }
}
