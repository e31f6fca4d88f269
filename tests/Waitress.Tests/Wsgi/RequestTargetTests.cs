using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Wsgi;

namespace Waitress.Tests.Wsgi;

public class RequestTargetTests
{
    [Theory]
    [InlineData("/", "/", "")]
    [InlineData("/a/b", "/a/b", "")]
    [InlineData("/a?b=c&d", "/a", "b=c&d")]
    [InlineData("/a?", "/a", "")]
    [InlineData("/a?b?c", "/a", "b?c")]
    [InlineData("/a?b#c?d", "/a", "b")]
    [InlineData("/a#b?c", "/a", "")]
    [InlineData("/a/../b/./c", "/a/../b/./c", "")]
    [InlineData("/a%2Fb", "/a/b", "")]
    [InlineData("/a%2fb?x=%2F", "/a/b", "x=%2F")]
    [InlineData("/%C3%A9", "/\u00c3\u00a9", "")]
    [InlineData("/%ff%00", "/\u00ff\0", "")]
    [InlineData("/%zz%4%", "/%zz%4%", "")]
    [InlineData("/%%41", "/%A", "")]
    [InlineData("/%25%34%31", "/%41", "")]
    [InlineData("/a%3Fb%23c", "/a?b#c", "")]
    [InlineData("//a//b", "/a//b", "")]
    [InlineData("///", "/", "")]
    [InlineData("/%2F%2Fa", "/a", "")]
    [InlineData("http://host:80/a/b?c", "/a/b", "c")]
    [InlineData("http://host", "", "")]
    [InlineData("http://host?q", "", "q")]
    [InlineData("https://u@[::1]:8/#f", "/", "")]
    [InlineData("/http://host/a", "/http://host/a", "")]
    [InlineData("*", "*", "")]
    [InlineData("foo", "foo", "")]
    [InlineData("?a=b", "", "a=b")]
    [InlineData("h:81", "81", "")]
    [InlineData("", "", "")]
    public void Parse_Target_SplitsAsWaitress(string target, string path, string query) =>
        Assert.Equal(new RequestTarget(path, query), RequestTarget.Parse(target, ""));

    [Theory]
    [InlineData("/app", "")]
    [InlineData("/app/", "/")]
    [InlineData("/app//", "//")]
    [InlineData("/app/x%20y?q", "/x y")]
    [InlineData("//app/x", "/x")]
    [InlineData("/%61pp/x", "/x")]
    [InlineData("/apple", "/apple")]
    [InlineData("/other", "/other")]
    [InlineData("/ap", "/ap")]
    public void Parse_Prefix_LeavesOnlyAWholeMatch(string target, string path) =>
        Assert.Equal(path, RequestTarget.Parse(target, "/app").PathInfo);

    [Fact]
    public void Parse_PlainPath_AllocatesNothing()
    {
        RequestTarget.Parse("/warm", "");
        var target = "/some/plain/path";
        var before = GC.GetAllocatedBytesForCurrentThread();
        var parsed = RequestTarget.Parse(target, "");
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Same(target, parsed.PathInfo);
    }

    [Fact]
    public void Parse_AnyBytesQuoted_GivesThemBackAsLatin1() =>
        Prop.ForAll<byte[]>(bytes =>
        {
            var path = "/x" + string.Concat(bytes.Select(b => $"%{b:x2}"));
            return RequestTarget.Parse(path, "").PathInfo == "/x" + Encoding.Latin1.GetString(bytes);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Parse_LongQuotedPath_DecodesWhole()
    {
        var path = "/" + string.Concat(Enumerable.Repeat("%41", 100_000));
        Assert.Equal("/" + new string('A', 100_000), RequestTarget.Parse(path, "").PathInfo);
    }

    [Fact]
    public void Parse_AnyText_NeverThrowsAndStaysLatin1()
    {
        var text = Gen.Elements("/", "%", "2", "F", "f", "?", "#", ":", "a", "*", ".", "//").ListOf().Select(string.Concat).ToArbitrary();
        Prop.ForAll(text, target =>
        {
            var (path, query) = RequestTarget.Parse(target, "");
            var (rest, _) = RequestTarget.Parse(target, "/a");
            return path.All(c => c <= 0xFF) && !query.Contains('#') && !path.StartsWith("//", StringComparison.Ordinal)
                && path.Length + query.Length <= target.Length && path.EndsWith(rest, StringComparison.Ordinal);
        }).QuickCheckThrowOnFailure();
    }
}
