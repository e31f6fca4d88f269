using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Wsgi;

namespace Waitress.Tests.Wsgi;

public sealed class KnownTextTests
{
    [Theory]
    [InlineData("200 OK")]
    [InlineData("Content-Type")]
    [InlineData("text/html; charset=utf-8")]
    [InlineData("Cross-Origin-Opener-Policy")]
    [InlineData("DENY")]
    public void Find_Known_IsTheSameInstanceEachTime(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(text, KnownText.Find(bytes));
        Assert.Same(KnownText.Find(bytes), KnownText.Find([.. bytes]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("200 ok")]
    [InlineData("200 OK ")]
    [InlineData("content-type")]
    [InlineData("a text that is longer than all of them together, however long the longest of them may have become by now")]
    public void Find_Unknown_IsNull(string text) => Assert.Null(KnownText.Find(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Find_AnyBytes_IsNothingElseThanThoseBytes()
    {
        // Known texts with one byte changed, cut or added: near misses that random bytes never are.
        var near =
            from text in Gen.Elements("200 OK", "302 Found", "302 FOUND", "ETag", "Vary", "Set-Cookie", "no-cache", "no-store", "bytes")
            from at in Gen.Choose(0, text.Length - 1)
            from with in Gen.Choose(0, 255)
            from how in Gen.Choose(0, 2)
            let bytes = Encoding.ASCII.GetBytes(text)
            select how switch
            {
                0 => [.. bytes[..at], (byte)with, .. bytes[(at + 1)..]],
                1 => bytes[..at],
                _ => (byte[])[.. bytes, (byte)with],
            };
        Prop.ForAll(near.ToArbitrary(), bytes =>
            KnownText.Find(bytes) is not { } text || Encoding.Latin1.GetBytes(text).AsSpan().SequenceEqual(bytes)).QuickCheckThrowOnFailure();
    }
}
