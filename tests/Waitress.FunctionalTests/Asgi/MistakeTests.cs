using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>What apps do wrong: they are told by an exception, the client by an answer that says so, the log by the traceback.</summary>
public sealed class AsgiMistakeTests(AsgiServer server) : IClassFixture<AsgiServer>
{
    [Theory]
    [InlineData("body-first", "RuntimeError: http.response.body was sent before http.response.start")]
    [InlineData("start-twice", "RuntimeError: http.response.start was sent twice")]
    [InlineData("unknown-type", "ValueError: http.response.unheard is not a message of an HTTP response")]
    [InlineData("no-type", "ValueError: an ASGI message needs a type, which is a str")]
    [InlineData("no-dict", "TypeError: send() takes a dict, not str")]
    [InlineData("no-status", "ValueError: http.response.start needs a status from 200 to 999, not none")]
    [InlineData("text-status", "ValueError: http.response.start needs a status from 200 to 999, not '200'")]
    [InlineData("status-100", "ValueError: http.response.start needs a status from 200 to 999, not 100")]
    [InlineData("text-header", "TypeError: header ('a', 'b') is not a pair of bytes")]
    [InlineData("newline", "ValueError: carriage return/line feed or another control character present in the value of header a")]
    [InlineData("bad-name", "ValueError: header name 'a b' holds a character that is not allowed (carriage return/line feed included)")]
    [InlineData("three", "TypeError: header (b'a', b'b', b'c') is not a pair of bytes")]
    [InlineData("no-list", "TypeError: headers is not an iterable of pairs of bytes")]
    [InlineData("text-body", "TypeError: a bytes-like object is required, not 'str'")]
    [InlineData("trailers-unannounced", "RuntimeError: http.response.trailers has to be announced in http.response.start, and to follow the body")]
    [InlineData("websocket", "ValueError: websocket.accept is not a message of an HTTP response")]
    [InlineData("hint-text", "TypeError: link '</a>' is not bytes")]
    [InlineData("hint-bytes", "TypeError: http.response.early_hint needs links, which is an iterable of bytes")]
    [InlineData("hint-none", "TypeError: http.response.early_hint needs links, which is an iterable of bytes")]
    [InlineData("hint-newline", "ValueError: carriage return/line feed or another control character present in the value of header Link")]
    [InlineData("no-argument", "TypeError: send() takes 1 positional argument but 0 were given")]
    [InlineData("receive-argument", "TypeError: receive() takes 0 positional arguments but 1 were given")]
    public async Task Message_ThatIsWrong_RaisesAndTheAppCanStillAnswer(string kind, string expected)
    {
        using var client = await server.ConnectAsync();
        var answer = await client.GetAsync("/mistake?kind=" + kind);
        Assert.Equal((200, expected), (answer.Status, answer.Text));
        Assert.Null(answer.Header("A"));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Message_AfterTheEnd_Raises()
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        Assert.Equal("whole", (await client.GetAsync("/after-end?name=" + name)).Text);
        await server.Log.WaitForMark($"refused {name} RuntimeError");
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("&after")]
    public async Task Exception_BeforeTheBody_Is500(string when)
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /raises?name={name}{when} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 500);
        await server.Log.WaitForLog("RuntimeError: broken on purpose " + name);
    }

    [Fact]
    public async Task Exception_InTheBody_CutsTheAnswer()
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /raises?name={name}&after&part HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.CutAsync(client);
        await server.Log.WaitForLog("RuntimeError: broken on purpose " + name);
    }

    [Fact]
    public async Task SystemExit_OfTheApp_EndsTheRequestAlone()
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /raises?exit HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 500);
        await server.Server.AssertServesAsync();
    }

    [Fact]
    public async Task Return_WithoutAnAnswer_Is500AndLogged()
    {
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /silent?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.RefusedAsync(client, 500);
        await server.Log.WaitForLog("The app has returned without a response to GET /silent");
    }

    [Fact]
    public async Task Return_InTheMiddleOfTheBody_CutsTheAnswerAndIsLogged()
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /silent?after HTTP/1.1\r\nHost: test\r\n\r\n");
        await Expected.CutAsync(client);
        await server.Log.WaitForLog("The app has returned before the end of its response to GET /silent");
    }
}
