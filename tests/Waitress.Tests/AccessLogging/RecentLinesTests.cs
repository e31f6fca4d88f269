using FsCheck;
using FsCheck.Fluent;
using Waitress.AccessLogging;

namespace Waitress.Tests.AccessLogging;

public class RecentLinesTests
{
    /// <summary>Whatever the lengths, what is still there is what was written, and at most the oldest are missing.</summary>
    [Fact]
    public void Ring_OfAnyWrites_KeepsTheNewestAsTheyWere() =>
        Prop.ForAll(Gen.Choose(1, 70).ListOf().ToArbitrary(), Gen.Choose(4, 64).ToArbitrary(), (lengths, least) =>
        {
            var ring = new RecentLines(least, 64);
            var written = new List<(long Start, byte[] Bytes)>();
            long end = 0;
            byte next = 0;
            foreach (var length in lengths)
            {
                var bytes = Enumerable.Range(0, length).Select(_ => next++).ToArray();
                ring.Add(end, bytes);
                written.Add((end, bytes));
                end += length;
                var kept = ring.Pieces.ToArray();
                Assert.True(kept.Length <= written.Count);
                foreach (var (piece, (start, content)) in kept.Zip(written.TakeLast(kept.Length)))
                {
                    Assert.Equal(start, piece.Start);
                    Assert.True(ring.BytesOf(piece).SequenceEqual(content));
                }

                if (length <= 64)
                {
                    Assert.Equal(kept[^1], ring.Newest);
                    Assert.Equal(kept.Length > 1 ? kept[^2] : null, ring.Previous);
                }

                Assert.Equal(kept.Length == written.Count ? 0 : kept.Length == 0 ? end : kept[0].Start, ring.ForgottenTo);
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Ring_ThatForgetsTooSoon_GrowsAndOneThatDoesNotStays()
    {
        var time = new ManualTime();
        var ring = new RecentLines(100, 400, time);
        for (var i = 0; i < 40; i++)
        {
            ring.Add(i * 10, new byte[10]);
            time.Advance(RecentLines.Wanted / 10);
        }

        Assert.Equal(10, ring.Pieces.Count()); // As many as the time wants: it did not grow.
        for (var i = 40; i < 200; i++)
            ring.Add(i * 10, new byte[10]);
        Assert.Equal(40, ring.Pieces.Count());
        Assert.Equal(1600, ring.ForgottenTo);
    }
}
