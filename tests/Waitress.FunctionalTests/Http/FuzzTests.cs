using System.Diagnostics;
using System.Text;
using Waitress.FunctionalTests.Harness;
using Xunit.Abstractions;

namespace Waitress.FunctionalTests.Http;

/// <summary>
/// Mutated requests for 20 s, 5000 at most. Whatever comes, the server answers well-formed responses or closes, goes on
/// serving, and writes no traceback. WAITRESS_TEST_SEED repeats a run; the seed is printed and part of every failure.
/// </summary>
public sealed class FuzzTests(SuiteServer suite, ITestOutputHelper output) : IClassFixture<SuiteServer>
{
    private const int FixedSeed = 20_250_711;
    private const int Most = 5000;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(20);

    private static readonly string[] Corpus =
    [
        "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /environ?a=b&c=%20 HTTP/1.1\r\nHost: test\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=b\r\n\r\n",
        "POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\nhello world",
        "POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
        "POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        "GET /generator HTTP/1.1\r\nHost: test\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.1\r\nHost: test\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET http://test/hello HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n\r\n",
        "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ];

    private static readonly string[] Pieces =
    [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "%", "%00", "%ff", "/", "//", "/../", "?", "#", "\u00ff", "\u0080", "\u007f", "\"",
        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: x\r\n", "Connection: close\r\n", "HTTP/2.0", "HTTP/1.0",
        "FFFFFFFFFFFFFFFF", "-1", "0", "0x", "+", "_", "chunked", "gzip, ", "Upgrade: h2c\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];

    [Fact]
    public async Task Requests_Mutated_AreAnsweredOrClosedAndTheServerLives()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("WAITRESS_TEST_SEED"), out var own) ? own : FixedSeed;
        var random = new Random(seed);
        var watch = Stopwatch.StartNew();
        var count = 0;
        var served = 0;
        for (; count < Most && watch.Elapsed < Length; count++)
        {
            var request = Mutate(random);
            try
            {
                served += await SendAsync(request, random.Next(4) == 0 ? Segmentation.Lines : Segmentation.Whole);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException(
                    $"Seed {seed}, request {count}: {Convert.ToHexString(Encoding.Latin1.GetBytes(request))}", failure);
            }
        }

        output.WriteLine($"Seed {seed}: {count} requests, {served} responses.");
        await suite.Server.AssertServesAsync();
        Assert.DoesNotContain(suite.Log.Lines, line => line.Contains("Traceback", StringComparison.Ordinal));
        Assert.True(served > count / 4, $"Only {served} responses to {count} requests");
    }

    /// <summary>The number of responses. Each must be well-formed; their number and status are the server's to choose.</summary>
    private async Task<int> SendAsync(string request, Segmentation segmentation)
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync(request, segmentation);
        client.FinishSendingIfOpen();
        for (var responses = 0; ; responses++)
        {
            try
            {
                var response = await client.ReceiveAsync();
                Assert.InRange(response.Status, 100, 599);
            }
            catch (TruncatedResponseException end) when (end.Message == "The connection ended in the status line")
            {
                return responses;
            }
        }
    }

    private static string Mutate(Random random)
    {
        var text = new StringBuilder(Corpus[random.Next(Corpus.Length)]);

        // The method stays, and none is HEAD: the reader must know whether an answer has a body.
        var first = text.ToString().IndexOf(' ', StringComparison.Ordinal) + 1;
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var at = random.Next(first, text.Length);
            switch (random.Next(4))
            {
                case 0:
                    text.Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 1:
                    text.Remove(at, Math.Min(random.Next(1, 6), text.Length - at));
                    break;
                case 2:
                    text[at] = (char)random.Next(256);
                    break;
                default:
                    text.Insert(at, text.ToString(at, Math.Min(random.Next(1, 40), text.Length - at)));
                    break;
            }

            if (text.Length <= first)
            {
                break;
            }
        }

        return text.ToString();
    }
}
