using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Http;

/// <summary>
/// Every request RFC 9112 lets a server refuse and whose acceptance has been a hole somewhere. Each is sent with a second,
/// valid request behind it in three segmentations: one refusal comes back, the second request is never seen.
/// </summary>
public sealed class MalformedRequestTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    private const string Get = "GET /hello HTTP/1.1\r\nHost: test\r\n";
    private const string Post = "POST /digest HTTP/1.1\r\nHost: test\r\n";

    public static TheoryData<string, Segmentation> Rows()
    {
        var rows = new TheoryData<string, Segmentation>();
        foreach (var (name, _, _) in Malformed())
        {
            foreach (var segmentation in Enum.GetValues<Segmentation>())
            {
                rows.Add(name, segmentation);
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Request_Malformed_IsRefusedOnceAndNothingBehindItIsServed(string name, Segmentation segmentation)
    {
        var (_, request, statuses) = Malformed().Single(row => row.Name == name);
        var behind = Pattern.Name();
        using var client = await suite.ConnectAsync();
        await client.SendAsync(request + $"GET /digest?name={behind} HTTP/1.1\r\nHost: test\r\n\r\n", segmentation);
        await Expected.RefusedAsync(client, statuses);
        await suite.Server.AssertServesAsync();
        Assert.False(suite.Log.HasMark("called " + behind), "The request behind the refused one reached the app");
    }

    private static IEnumerable<(string Name, string Request, int[] Statuses)> Malformed() =>
        [.. RequestLines(), .. Headers(), .. Framings(), .. Chunks()];

    private static IEnumerable<(string Name, string Request, int[] Statuses)> RequestLines()
    {
        (string, string, int[]) Line(string name, string line, params int[] statuses) =>
            (name, line + "\r\nHost: test\r\n\r\n", statuses.Length == 0 ? [400] : statuses);
        yield return Line("two spaces", "GET  /hello HTTP/1.1");
        yield return Line("tabs between", "GET\t/hello\tHTTP/1.1");
        yield return Line("space in target", "GET /hel lo HTTP/1.1");
        yield return Line("space before", " GET /hello HTTP/1.1");
        yield return Line("space behind", "GET /hello HTTP/1.1 ");
        yield return Line("no version", "GET /hello");
        yield return Line("no target", "GET HTTP/1.1");
        yield return Line("only a word", "GET");
        yield return Line("colon in method", "GE:T /hello HTTP/1.1");
        yield return Line("control character in method", "G\u0001T /hello HTTP/1.1");
        yield return Line("non-ASCII in target", "GET /h\u00e9llo HTTP/1.1");
        yield return Line("NUL in target", "GET /h\0llo HTTP/1.1");
        yield return Line("control character in target", "GET /h\u0001llo HTTP/1.1");
        yield return Line("DEL in target", "GET /h\u007fllo HTTP/1.1");
        yield return Line("bare CR in line", "GET /hel\rlo HTTP/1.1");
        yield return Line("bad authority", "GET http://[foo/ HTTP/1.1");

        // Read as the authority of a CONNECT by some parsers, which is then a wrong method; both refuse.
        yield return Line("target without slash", "GET hello HTTP/1.1", 400, 405);
        yield return Line("version 0.9", "GET /hello HTTP/0.9", 505);
        yield return Line("version 1.2", "GET /hello HTTP/1.2", 505);
        yield return Line("version 2.0", "GET /hello HTTP/2.0", 505);
        yield return Line("version 3.0", "GET /hello HTTP/3.0", 505);

        // No version at all by the grammar, yet in a version's place.
        yield return Line("version in lower case", "GET /hello http/1.1", 400, 505);
        yield return Line("version of three parts", "GET /hello HTTP/1.1.1", 400, 505);
        yield return ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]);
        yield return ("line ends in LF", "GET /hello HTTP/1.1\nHost: test\r\n\r\n", [400]);
    }

    private static IEnumerable<(string Name, string Request, int[] Statuses)> Headers()
    {
        (string, string, int[]) With(string name, string header) => (name, Get + header + "\r\n\r\n", [400]);
        yield return ("no Host", "GET /hello HTTP/1.1\r\nAccept: */*\r\n\r\n", [400]);
        yield return ("Host twice", Get + "Host: test\r\n\r\n", [400]);
        yield return ("Host with a space", "GET /hello HTTP/1.1\r\nHost: te st\r\n\r\n", [400]);
        yield return ("Host with a path", "GET /hello HTTP/1.1\r\nHost: test/x\r\n\r\n", [400]);
        yield return ("Host with a user", "GET /hello HTTP/1.1\r\nHost: user@test\r\n\r\n", [400]);
        yield return ("folded first line", "GET /hello HTTP/1.1\r\n Host: test\r\n\r\n", [400]);
        yield return ("all lines end in LF", "GET /hello HTTP/1.1\nHost: test\n\n", [400]);
        yield return ("LF inside the block", Get + "X-A: 1\nX-B: 2\r\n\r\n", [400]);
        yield return ("LF at the end of the block", Get + "X-A: 1\r\n\n", [400]);
        yield return With("CR in a value", "X-A: 1\r2");
        yield return With("CR CR LF", "X-A: 1\r");
        yield return With("no colon", "X-A");
        yield return With("space before the colon", "X-A : 1");
        yield return With("tab before the colon", "X-A\t: 1");
        yield return With("empty name", ": 1");
        yield return With("space in a name", "X A: 1");
        yield return With("control character in a name", "X-\u0001A: 1");
        yield return With("non-ASCII in a name", "X-\u00e9: 1");
        yield return With("NUL in a value", "X-A: a\0b");
        yield return With("control character in a value", "X-A: a\u0001b");
        yield return With("VT in a value", "X-A: a\u000bb");
        yield return With("DEL in a value", "X-A: a\u007fb");
        yield return With("folded by a space", "X-A: a\r\n b");
        yield return With("folded by a tab", "X-A: a\r\n\tb");
        yield return With("folded Transfer-Encoding", "Transfer-Encoding:\r\n chunked");
        yield return With("Content-Type twice", "Content-Type: text/plain\r\nContent-Type: text/html");
    }

    private static IEnumerable<(string Name, string Request, int[] Statuses)> Framings()
    {
        (string, string, int[]) Of(string name, string headers, params int[] statuses) =>
            (name, Post + headers + "\r\n\r\n", statuses.Length == 0 ? [400] : statuses);
        foreach (var value in new[] { "+1", "-1", "1_0", "1, 1", "1,1", "", "0x1", "1 1", "1e1", "1.0", "one", "\u000b1", "1;", "\u00b2" })
        {
            yield return Of($"Content-Length '{value}'", $"Content-Length: {value}");
        }

        // No length that any buffer could hold: refused as not a number or as too large.
        yield return Of("Content-Length beyond 64 bits", "Content-Length: 18446744073709551617", 400, 413);
        yield return Of("Content-Length of 5000 digits", "Content-Length: " + new string('9', 5000), 400, 413);
        yield return Of("Content-Length twice, equal", "Content-Length: 5\r\nContent-Length: 5");
        yield return Of("Content-Length twice, different", "Content-Length: 5\r\nContent-Length: 0");
        yield return Of("Transfer-Encoding and Content-Length", "Transfer-Encoding: chunked\r\nContent-Length: 5");
        yield return Of("Content-Length and Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding: chunked");
        yield return Of("gzip before chunked", "Transfer-Encoding: gzip, chunked", 501);
        yield return Of("unknown before chunked", "Transfer-Encoding: xchunked, chunked", 501);

        // Unknown (501) and not ending in chunked (400): RFC 9112 sections 6.1 and 6.3 both apply.
        foreach (var value in new[]
        {
            "gzip", "identity", "chunked, gzip", "chunked, chunked", "xchunked", "chunked, identity", "\u000bchunked", "chunked;q=1", "\"chunked\"",
        })
        {
            yield return Of($"Transfer-Encoding '{value}'", "Transfer-Encoding: " + value, 400, 501);
        }

        yield return Of("Transfer-Encoding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400, 501);
        yield return Of("Transfer-Encoding chunked and identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400, 501);
    }

    private static IEnumerable<(string Name, string Request, int[] Statuses)> Chunks()
    {
        foreach (var (name, body) in new[]
        {
            ("size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"), ("size with a space", " 3\r\nabc\r\n0\r\n\r\n"), ("size with a sign", "+3\r\nabc\r\n0\r\n\r\n"),
            ("negative size", "-3\r\nabc\r\n0\r\n\r\n"), ("size no hex", "g\r\nabc\r\n0\r\n\r\n"), ("no size", "\r\nabc\r\n0\r\n\r\n"),
            ("size line ends in LF", "3\nabc\r\n0\r\n\r\n"), ("size line ends in LF CRLF", "3\n\r\nabc\r\n0\r\n\r\n"),
            ("extension ends in LF CRLF", "3;a\n\r\nabc\r\n0\r\n\r\n"), ("empty extension", "3;\r\nabc\r\n0\r\n\r\n"),
            ("extension without value", "3;a=\r\nabc\r\n0\r\n\r\n"), ("control character in extension", "3;a=\u0001\r\nabc\r\n0\r\n\r\n"),
            ("data longer than size", "3\r\nabcd\r\n0\r\n\r\n"), ("data ends in LF", "3\r\nabc\n0\r\n\r\n"),
            ("size beyond 64 bits", "11111111111111111\r\nabc\r\n0\r\n\r\n"), ("size with underscore", "1_0\r\nabc\r\n0\r\n\r\n"),
        })
        {
            yield return ("chunk: " + name, Post + "Transfer-Encoding: chunked\r\n\r\n" + body, [400]);
        }
    }
}
