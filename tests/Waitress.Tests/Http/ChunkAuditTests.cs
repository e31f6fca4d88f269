using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Http;

namespace Waitress.Tests.Http;

public sealed class ChunkAuditTests
{
    [Theory]
    [InlineData("0\r\n\r\n")]
    [InlineData("000\r\n\r\n")]
    [InlineData("3\r\nabc\r\n0\r\n\r\n")]
    [InlineData("0003\r\nabc\r\n0\r\n\r\n")]
    [InlineData("A\r\n0123456789\r\n0\r\n\r\n")]
    [InlineData("a\r\n0123456789\r\n0\r\n\r\n")]
    [InlineData("3;a\r\nabc\r\n0;b=c\r\n\r\n")]
    [InlineData("3;a=b;c=\"d\";e\r\nabc\r\n0\r\n\r\n")]
    [InlineData("3;a=\"q \\\" ;\t\u00e9\"\r\nabc\r\n0\r\n\r\n")]
    [InlineData("3;a=\"\"\r\nabc\r\n0\r\n\r\n")]
    [InlineData("0\r\nX: y\r\nZ:\r\n\r\n")]
    [InlineData("2\r\n\r\n\r\n0\r\n\r\n")]
    public void Scan_Valid_IsCompleteAtTheLastByte(string body)
    {
        foreach (var (audit, taken) in InEverySplit(body + "GET / HTTP/1.1\r\n"))
        {
            Assert.True(audit.IsComplete);
            Assert.Null(audit.Error);
            Assert.Equal(body.Length, taken);
        }
    }

    [Theory]
    [InlineData("\r\n", "Invalid chunk size")]
    [InlineData(";a\r\n", "Invalid chunk size")]
    [InlineData(" 3\r\n", "Invalid chunk size")]
    [InlineData("3 \r\n", "Invalid chunk size")]
    [InlineData("3\n", "Invalid chunk size")]
    [InlineData("3\r\r\n", "Invalid chunk size")]
    [InlineData("g\r\n", "Invalid chunk size")]
    [InlineData("-1\r\n", "Invalid chunk size")]
    [InlineData("\u00663\u00ff\r\n", "Invalid chunk size")]
    [InlineData("000000003\r\n", "Chunk too large")]
    [InlineData("80000000\r\n", "Chunk too large")]
    [InlineData("3;\r\n", "Invalid chunk extension")]
    [InlineData("3;=b\r\n", "Invalid chunk extension")]
    [InlineData("3;a=\r\n", "Invalid chunk extension")]
    [InlineData("3;a b\r\n", "Invalid chunk extension")]
    [InlineData("3;a=\"b\r\n", "Invalid chunk extension")]
    [InlineData("3;a=\"b\"c\r\n", "Invalid chunk extension")]
    [InlineData("3;a=\"\\\u0001\"\r\n", "Invalid chunk extension")]
    [InlineData("3;a\n", "Invalid chunk extension")]
    [InlineData("3;a\rb\r\n", "Invalid chunk extension")]
    [InlineData("3;a;\r\n", "Invalid chunk extension")]
    [InlineData("3\r\nabcd", "Chunk not properly terminated")]
    [InlineData("3\r\nabc\n", "Chunk not properly terminated")]
    [InlineData("3\r\nabc\rx", "Chunk not properly terminated")]
    [InlineData("3\r\nabc\r\n\r\n", "Invalid chunk size")]
    [InlineData("0\r\n\n", "Invalid trailer")]
    [InlineData("0\r\n\rx", "Invalid trailer")]
    [InlineData("0\r\n X: y\r\n", "Invalid trailer")]
    [InlineData("0\r\nX : y\r\n", "Invalid trailer")]
    [InlineData("0\r\n: y\r\n", "Invalid trailer")]
    [InlineData("0\r\nX\r\n", "Invalid trailer")]
    [InlineData("0\r\nX: a\u007fb\r\n", "Invalid trailer")]
    [InlineData("0\r\nX: a\nb\r\n", "Invalid trailer")]
    [InlineData("0\r\nX: a\rb\r\n", "Invalid trailer")]
    public void Scan_Invalid_NamesWhatIsWrong(string body, string detail)
    {
        foreach (var (audit, taken) in InEverySplit(body + "0\r\n\r\n"))
        {
            Assert.False(audit.IsComplete);
            Assert.Equal(400, audit.Error?.Status);
            Assert.Equal(detail, audit.Error?.Detail);
            Assert.True(taken < body.Length);
        }
    }

    [Fact]
    public void Scan_ExtensionsWithoutData_AreBounded()
    {
        Assert.Equal("Chunk extension too large", Whole("1;" + new string('a', 1025)).Error?.Detail);
        var chunk = "1;" + new string('a', 1000) + "\r\nx\r\n";
        Assert.Equal("Chunk extension too large", Whole(string.Concat(Enumerable.Repeat(chunk, 20))).Error?.Detail);
    }

    [Fact]
    public void Scan_SignatureWithEachChunk_IsAcceptedForAnyLength()
    {
        var chunk = "1000;chunk-signature=" + new string('a', 64) + "\r\n" + new string('x', 4096) + "\r\n";
        Assert.True(Whole(string.Concat(Enumerable.Repeat(chunk, 500)) + "0\r\n\r\n").IsComplete);
    }

    [Fact]
    public void Scan_Trailers_AreBounded() =>
        Assert.Equal("Trailer too large", Whole("0\r\nX: " + new string('a', 16 * 1024)).Error?.Detail);

    [Fact]
    public void Scan_AnySplit_GivesTheSameVerdict()
    {
        var bytes = Gen.Elements("0123aAfF;=\"\\ \t\r\nx:".Select(c => (byte)c).Append((byte)0xE9).ToArray()).ArrayOf();
        var lines = Gen.Elements("1\r\nx\r\n", "2;a=b\r\n\r\n\r\n", "0\r\n", "X: y\r\n", "\r\n", "3;a=\"b\"\r\nabc\r\n").ArrayOf()
            .Select(parts => Encoding.Latin1.GetBytes(string.Concat(parts)));
        var property = Prop.ForAll(Gen.OneOf(bytes, lines).ToArbitrary(), ArbMap.Default.ArbFor<int[]>(), (body, cuts) =>
        {
            var whole = new ChunkAudit();
            whole.Reset();
            var taken = whole.Scan(body);
            var pieces = Pieces(body, cuts, out var takenInPieces);
            return whole.IsComplete == pieces.IsComplete && whole.Error == pieces.Error && taken == takenInPieces;
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), property);
    }

    [Fact]
    public void Scan_AnyBodyEncoded_Passes()
    {
        var property = Prop.ForAll(ArbMap.Default.ArbFor<byte[][]>(), ArbMap.Default.ArbFor<int[]>(), (chunks, cuts) =>
        {
            var encoded = chunks.Where(chunk => chunk is { Length: > 0 })
                .SelectMany(chunk => (byte[])[.. Encoding.ASCII.GetBytes($"{chunk.Length:x}\r\n"), .. chunk, .. "\r\n"u8])
                .Concat(Encoding.ASCII.GetBytes("0\r\n\r\n")).ToArray();
            var audit = Pieces(encoded, cuts, out var taken);
            return audit.IsComplete && audit.Error is null && taken == encoded.Length;
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), property);
    }

    [Fact]
    public void Scan_AnyMutation_EndsInOneVerdict()
    {
        var valid = Encoding.Latin1.GetBytes("3;a=\"b\";c\r\nabc\r\n10\r\n0123456789abcdef\r\n0;z\r\nX: y\r\n\r\n");
        var property = Prop.ForAll(Gen.Choose(0, valid.Length - 1).ToArbitrary(), ArbMap.Default.ArbFor<byte>(), (at, value) =>
        {
            var mutated = (byte[])valid.Clone();
            mutated[at] = value;
            var audit = Pieces(mutated, [at], out var taken);
            return !(audit.IsComplete && audit.Error is not null) && (audit.Error is null ? taken <= mutated.Length : taken < mutated.Length);
        });
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5000), property);
    }

    private static ChunkAudit Whole(string body)
    {
        var audit = new ChunkAudit();
        audit.Reset();
        audit.Scan(Encoding.Latin1.GetBytes(body));
        return audit;
    }

    private static IEnumerable<(ChunkAudit Audit, int Taken)> InEverySplit(string body)
    {
        var bytes = Encoding.Latin1.GetBytes(body);
        for (var cut = 0; cut <= bytes.Length; cut++)
            yield return (Pieces(bytes, [cut], out var taken), taken);
        yield return (Pieces(bytes, [.. Enumerable.Range(0, bytes.Length)], out var single), single);
    }

    // As WireReader does it: nothing is scanned after the end or a violation.
    private static ChunkAudit Pieces(byte[] bytes, int[] cuts, out int taken)
    {
        var audit = new ChunkAudit();
        audit.Reset();
        taken = 0;
        var edges = cuts.Select(cut => (int)((uint)cut % (bytes.Length + 1))).Append(bytes.Length).Distinct().Order();
        var start = 0;
        foreach (var edge in edges)
        {
            taken += audit.Scan(bytes.AsSpan(start, edge - start));
            start = edge;
        }

        return audit;
    }
}
