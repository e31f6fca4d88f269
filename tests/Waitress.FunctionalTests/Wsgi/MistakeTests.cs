using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>What an app does wrong is told in the log, and never reaches the client as a corrupt or smuggled answer.</summary>
public sealed class MistakeTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Theory]
    [InlineData("status-int", "status")]
    [InlineData("status-bytes", "status")]
    [InlineData("status-newline", "status")]
    [InlineData("header-newline", "header")]
    [InlineData("header-lf", "header")]
    [InlineData("header-name-newline", "header")]
    [InlineData("header-nul", "header")]
    [InlineData("header-int", "header")]
    [InlineData("header-name-int", "header")]
    [InlineData("header-bytes", "header")]
    [InlineData("header-beyond-latin", "header|latin|encode")]
    [InlineData("headers-none", "header|NoneType|iterable")]
    [InlineData("header-triple", "header|unpack|tuple|pair")]
    [InlineData("hop-connection", "hop-by-hop")]
    [InlineData("hop-keep-alive", "hop-by-hop")]
    [InlineData("hop-transfer-encoding", "hop-by-hop")]
    [InlineData("hop-upgrade", "hop-by-hop")]
    [InlineData("hop-te", "hop-by-hop")]
    [InlineData("hop-trailer", "hop-by-hop")]
    [InlineData("hop-proxy-authenticate", "hop-by-hop")]
    [InlineData("length-text", "many|Content-Length")]
    [InlineData("length-negative", "-1|Content-Length")]
    [InlineData("body-none", "NoneType|iterable")]
    [InlineData("body-int", "int|iterable")]
    [InlineData("silent", "start_response")]
    [InlineData("twice", "start_response")]
    [InlineData("before", "raised before headers")]
    [InlineData("before-body", "raised after start_response")]
    [InlineData("first-item", "raised at the first item")]
    [InlineData("os-error", "leaves")]
    [InlineData("system-exit", "SystemExit|leaves")]
    [InlineData("keyboard-interrupt", "KeyboardInterrupt|leaves")]
    [InlineData("generator-exit", "GeneratorExit|leaves")]
    public async Task Mistake_BeforeAByteHasGone_Is500AndInTheLogWithItsPath(string mistake, string words)
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        await client.SendAsync($"GET /mistake/{mistake} HTTP/1.1\r\nHost: test\r\n\r\n");
        var response = await client.ReceiveAsync();
        Expected.Refusal(response, 500);
        Assert.Null(response.Header("X-Smuggled"));
        Assert.DoesNotContain("Traceback", response.Text, StringComparison.Ordinal);
        await client.AssertClosedAsync();
        await suite.Log.WaitForLog("/mistake/" + mistake, from);
        await suite.Log.WaitForLog(line => Regex.IsMatch(line, words), $"what the app did wrong ({words})", from);
        await suite.Server.AssertServesAsync();
    }

    /// <summary>Whether the headers have gone when the wrong item comes is the server's business; a whole 200 it must not be.</summary>
    [Theory]
    [InlineData("body-str", "str")]
    [InlineData("body-str-item", "str")]
    [InlineData("body-int-item", "int")]
    public async Task Item_OfAWrongType_IsNeverAWholeAnswer(string mistake, string words)
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        await client.SendAsync($"GET /mistake/{mistake} HTTP/1.1\r\nHost: test\r\n\r\n");
        try
        {
            Expected.Refusal(await client.ReceiveAsync(), 500);
        }
        catch (TruncatedResponseException cut)
        {
            Assert.Equal(0, cut.Received);
        }

        await client.AssertClosedAsync();
        await suite.Log.WaitForLog(line => Regex.IsMatch(line, $@"\b{words}\b"), $"the wrong type ({words})", from);
        await suite.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData("between", "raised in the iterator", true)]
    [InlineData("between?length=1", "raised in the iterator", true)]
    [InlineData("between-exit", "raised in the iterator|SystemExit", true)]
    [InlineData("late-exc-info", "late mistake", false)]
    public async Task Mistake_AfterBytesHaveGone_CutsTheAnswer(string mistake, string words, bool closes)
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        var from = suite.Log.Lines.Count;
        await client.SendAsync($"GET /mistake/{mistake}{(mistake.Contains('?', StringComparison.Ordinal) ? '&' : '?')}name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.CutAsync(client);
        await suite.Log.WaitForLog(line => Regex.IsMatch(line, words), $"what the app did wrong ({words})", from);
        if (closes)
        {
            await suite.Log.WaitForMark($"closed {name} 1");
        }

        await suite.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Close_ThatRaises_LeavesTheAnswerWholeAndIsLogged()
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        var response = await client.GetAsync("/mistake/bad-close");
        Assert.Equal((200, "whole body"), (response.Status, response.Text));
        await suite.Log.WaitForLog("raised in close", from);
        await suite.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData("uneven")]
    [InlineData("uneven?how=pieces")]
    [InlineData("uneven-write")]
    public async Task Body_LongerThanItsLength_IsCutWithAWarningAndTheConnectionStays(string mistake)
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        var response = await client.GetAsync($"/mistake/{mistake}{(mistake.Contains('?', StringComparison.Ordinal) ? '&' : '?')}length=5&body=exactlyfive");
        Assert.Equal("exact", response.Text);
        await suite.Log.WaitForLog(
            line => line.StartsWith("WARNING:waitress:", StringComparison.Ordinal) && line.Contains("Content-Length", StringComparison.Ordinal),
            "a warning about the length", from);
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("uneven")]
    [InlineData("uneven?how=pieces")]
    [InlineData("uneven?how=write")]
    [InlineData("uneven-write")]
    public async Task Body_ShorterThanItsLength_EndsWithTheConnectionAndAWarning(string mistake)
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        await client.SendAsync(
            $"GET /mistake/{mistake}{(mistake.Contains('?', StringComparison.Ordinal) ? '&' : '?')}length=100&body=short HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.CutAsync(client);
        await suite.Log.WaitForLog(
            line => line.StartsWith("WARNING:waitress:", StringComparison.Ordinal) && line.Contains("Content-Length", StringComparison.Ordinal),
            "a warning about the length", from);
    }

    [Fact]
    public async Task Traceback_OfARaisingApp_IsInTheLogWithMethodAndPath()
    {
        using var client = await suite.ConnectAsync();
        var from = suite.Log.Lines.Count;
        await client.RequestAsync("POST /mistake/before?q=1 HTTP/1.1\r\nHost: test\r\n\r\n");
        var head = await suite.Log.WaitForLog(
            line => line.StartsWith("ERROR:waitress:", StringComparison.Ordinal) && line.Contains("/mistake/before", StringComparison.Ordinal),
            "the error with its path", from);
        Assert.Contains("POST", head, StringComparison.Ordinal);
        await suite.Log.WaitForLog("Traceback (most recent call last):", from);
        await suite.Log.WaitForLog("mistakes.py", from);
        await suite.Log.WaitForLog("ValueError: raised before headers", from);
    }
}

public sealed class ExposeTracebacksTests
{
    [Fact]
    public async Task Traceback_Exposed_IsInTheAnswer()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--expose-tracebacks"]);
        using var client = await server.ConnectAsync();
        var response = await client.GetAsync("/mistake/before");
        Assert.Equal((500, true), (response.Status, response.CloseAnnounced));
        Assert.StartsWith("Internal Server Error\r\n\r\n", response.Text, StringComparison.Ordinal);
        Assert.Contains("ValueError: raised before headers", response.Text, StringComparison.Ordinal);
        Assert.Contains("mistakes.py", response.Text, StringComparison.Ordinal);
        Assert.EndsWith("(generated by waitress)", response.Text, StringComparison.Ordinal);
        await client.AssertClosedAsync();
    }
}
