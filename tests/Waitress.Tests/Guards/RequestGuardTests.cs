using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Http;
using Waitress.Configuration;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public class RequestGuardTests
{
    private static readonly RequestGuard Guard = new(new Settings { MaxRequestBodySize = 1000 });

    private static Refusal? Check(string method = "GET", string target = "/", string protocol = "HTTP/1.1", params (string, string[])[] headers)
    {
        var sent = new HeaderDictionary { ["Host"] = "a.example" };
        foreach (var (name, lines) in headers) sent[name] = lines;
        return Guard.Check(method, target, protocol, sent, new HeaderList());
    }

    [Theory]
    [InlineData("GET", null)]
    [InlineData("FOO!#$", null)]
    [InlineData("M-SEARCH", null)]
    [InlineData("get", 400)]
    [InlineData("GeT", 400)]
    [InlineData("", 400)]
    [InlineData("A(B", 400)]
    [InlineData("CONNECT", 501)]
    public void Check_Method_MustBeAnUpperCaseToken(string method, int? status) => Assert.Equal(status, Check(method)?.Status);

    [Theory]
    [InlineData("websocket", null, null)]
    [InlineData("websocket", "5", 400)]
    [InlineData(null, null, 501)]
    public void Check_Connect_HasToBeForWhatIsServedAndWithoutLength(string? protocol, string? length, int? status)
    {
        var sent = new HeaderDictionary { ["Host"] = "a.example" };
        if (length is not null)
            sent.ContentLength = long.Parse(length, null);
        Assert.Equal(status, Guard.Check("CONNECT", "/a", "HTTP/2", sent, new HeaderList(), protocol)?.Status);
    }

    [Theory]
    [InlineData("/a%00?b#c", null)]
    [InlineData("*", null)]
    [InlineData("", 400)]
    [InlineData("/a b", 400)]
    [InlineData("/a\tb", 400)]
    [InlineData("/a\u0001", 400)]
    [InlineData("/\u007f", 400)]
    [InlineData("/\u00e9", 400)]
    public void Check_Target_MustBeVisibleAscii(string target, int? status) => Assert.Equal(status, Check(target: target)?.Status);

    [Theory]
    [InlineData("X-A", "plain", null)]
    [InlineData("X-A", "", null)]
    [InlineData("X-A", "tab\tinside", null)]
    [InlineData("X-A", "\u0080\u00a0\u00ff", null)]
    [InlineData("X_A", "dropped later", null)]
    [InlineData("X-A", "nul\0", 400)]
    [InlineData("X-A", "\u0001", 400)]
    [InlineData("X-A", "\u000b", 400)]
    [InlineData("X-A", "a\nb", 400)]
    [InlineData("X-A", "a\rb", 400)]
    [InlineData("X-A", "\u007f", 400)]
    [InlineData("X A", "v", 400)]
    [InlineData("X(A", "v", 400)]
    [InlineData("X\u00e9", "v", 400)]
    [InlineData("", "v", 400)]
    public void Check_Field_MustBeTokenAndText(string name, string value, int? status) =>
        Assert.Equal(status, Check(headers: (name, [value]))?.Status);

    [Fact]
    public void Check_ControlInASecondLine_Is400() => Assert.Equal(400, Check(headers: ("X-A", ["fine", "bad\u001f"]))?.Status);

    [Theory]
    [InlineData("Content-Type", 400)]
    [InlineData("content-length", 400)]
    [InlineData("Host", 400)]
    [InlineData("Cookie", null)]
    [InlineData("X-Forwarded-For", null)]
    public void Check_RepeatedField_OnlyWhereAListMakesSense(string name, int? status) =>
        Assert.Equal(status, Check(headers: (name, ["1", "1"]))?.Status);

    [Theory]
    [InlineData("chunked", null)]
    [InlineData("CHUNKED", null)]
    [InlineData("", 400)]
    [InlineData("identity", 501)]
    [InlineData("gzip, chunked", 501)]
    [InlineData("chunked, chunked", 501)]
    [InlineData("chunked,", 501)]
    [InlineData("\u00a0chunked", 501)]
    [InlineData("xchunked", 501)]
    public void Check_TransferCoding_MustBeOneChunked(string coding, int? status) =>
        Assert.Equal(status, Check("POST", headers: ("Transfer-Encoding", [coding]))?.Status);

    [Fact]
    public void Check_TransferCodingTwice_Is501() =>
        Assert.Equal(501, Check("POST", headers: ("Transfer-Encoding", ["chunked", "chunked"]))?.Status);

    [Theory]
    [InlineData("Content-Length")]
    [InlineData("X-Content-Length")]
    public void Check_TransferCodingWithLength_Is400(string name) =>
        Assert.Equal(400, Check("POST", headers: [("Transfer-Encoding", ["chunked"]), (name, ["5"])])?.Status);

    [Fact]
    public void Check_TransferCodingOnHttp10_Is400() =>
        Assert.Equal(400, Check("POST", protocol: "HTTP/1.0", headers: ("Transfer-Encoding", ["chunked"]))?.Status);

    [Theory]
    [InlineData("0", null)]
    [InlineData("999", null)]
    [InlineData("1000", 413)]
    [InlineData("9223372036854775807", 413)]
    public void Check_Length_LimitIsTheFirstRefused(string length, int? status) =>
        Assert.Equal(status, Check("POST", headers: ("Content-Length", [length]))?.Status);

    [Theory]
    [InlineData("HTTP/1.1", null, 400)]
    [InlineData("HTTP/1.0", null, null)]
    [InlineData("HTTP/1.1", "", null)]
    [InlineData("HTTP/1.1", "a.example:80", null)]
    [InlineData("HTTP/1.1", "[::1]:80", null)]
    [InlineData("HTTP/1.1", "a/b", 400)]
    [InlineData("HTTP/1.0", "a b", 400)]
    public void Check_Host_PresentOn11AndAHost(string protocol, string? host, int? status)
    {
        var headers = new HeaderDictionary();
        if (host is not null) headers["Host"] = host;
        Assert.Equal(status, Guard.Check("GET", "/", protocol, headers, new HeaderList())?.Status);
    }

    [Fact]
    public void Check_Fields_AreAllReceivedAndThoseOfTheLastRequestForgotten()
    {
        var received = new HeaderList();
        var many = new HeaderDictionary { ["Host"] = "a" };
        for (var i = 0; i < 300; i++) many[$"X-{i}"] = "v";
        Assert.Null(Guard.Check("GET", "/", "HTTP/1.1", many, received));
        Assert.Equal(301, received.Fields.Length);
        Assert.Null(Guard.Check("GET", "/", "HTTP/1.1", new HeaderDictionary { ["Host"] = "b" }, received));
        Assert.Equal("b", Assert.Single(received.Fields.ToArray()).Value);
    }

    [Fact]
    public void Check_AnyText_NeverThrowsAndWhatPassesIsClean()
    {
        var text = Gen.Choose(0, 255).Select(c => (char)c).ListOf().Select(string.Concat);
        var cases = from method in text from target in text from name in text from value in text select (method, target, name, value);
        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var headers = new HeaderDictionary { ["Host"] = "a", [one.name] = one.value };
            var refusal = Guard.Check(one.method, one.target, "HTTP/1.1", headers, new HeaderList())
                ?? Guard.Check("GET", "/", "HTTP/1.1", headers, new HeaderList());
            return refusal is not null || (!one.value.Any(c => (c < ' ' && c != '\t') || c == 0x7f) && one.target.All(c => c is > ' ' and < '\x7f'));
        }).QuickCheckThrowOnFailure();
    }
}
