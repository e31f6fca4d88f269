using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Framework;

public sealed class StarletteServer() : ServerFixture("starlette_app:app", "--http=1,2");

public sealed class StarletteTests(StarletteServer starlette) : FrameworkTests(starlette), IClassFixture<StarletteServer>
{
    [Theory]
    [InlineData("/file", "body")]
    [InlineData("/in-thread", "from a thread")]
    [InlineData("/sync-stream", "row 0")]
    public async Task Response_OfEachKind_IsSent(string target, string start)
    {
        using var client = await starlette.ConnectAsync();
        Assert.StartsWith(start, (await client.GetAsync(target)).Text, StringComparison.Ordinal);
        Assert.Equal("Hello from Starlette", (await client.GetAsync("/")).Text);
    }

    [Theory]
    [InlineData("/events", "ended")]
    [InlineData("/polled", "left")]
    public async Task Client_Leaving_IsNoticed(string target, string mark)
    {
        var name = Pattern.Name();
        using (var client = await starlette.ConnectAsync())
        {
            await client.SendAsync($"GET {target}?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            if (mark == "ended")
                Assert.Contains("text/event-stream", await client.ReceiveHeadAsync(), StringComparison.Ordinal);
            else
                await starlette.Log.WaitForMark("entered " + name);
        }

        await starlette.Log.WaitForMark($"{mark} {name}");
    }

    [Fact]
    public async Task Background_Task_RunsBehindTheAnswer()
    {
        using var gate = new Gate();
        var name = Pattern.Name();
        using var client = await starlette.ConnectAsync();
        Assert.Equal("answered", (await client.GetAsync("/background?" + gate.Query(name))).Text);
        await starlette.Log.WaitForMark("entered " + name);
        Assert.Equal("Hello from Starlette", (await client.GetAsync("/")).Text);
        gate.Open();
        await starlette.Log.WaitForMark("left " + name);
    }

    [Fact]
    public async Task Upload_OfAGibibyte_TakesNoMemory()
    {
        const long Size = 1L << 30;
        await using var server = await PythonServer.StartAsync("starlette_app:app", ["--max-request-body-size=2000000000"]);
        var block = new byte[1 << 20];
        using var client = await server.ConnectAsync();

        // A first one for all that is made once.
        var before = 0L;
        foreach (var size in new[] { 4L << 20, Size })
        {
            await client.SendAsync($"POST /counted-upload HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n");
            for (var sent = 0L; sent < size; sent += block.Length)
                Assert.True(await client.SendAsync(block));
            var seen = (await client.ReceiveAsync()).Json();
            Assert.Equal(size, seen.GetProperty("length").GetInt64());
            if (before > 0)
                Assert.InRange(seen.GetProperty("peak").GetInt64() - before, 0, 64 * 1024); // KiB
            before = seen.GetProperty("peak").GetInt64();
        }

        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Client_ResettingItsStream_EndsTheEvents()
    {
        var name = Pattern.Name();
        using (var http = starlette.Server.Http())
        {
            http.DefaultRequestVersion = HttpVersion.Version20;
            http.DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            using var events = new StreamReader(await http.GetStreamAsync("/events?name=" + name));
            Assert.Equal("event: tick", await events.ReadLineAsync());
            Assert.Equal("data: 0", await events.ReadLineAsync());
            events.Dispose();
            await starlette.Log.WaitForMark("ended " + name);
            Assert.Equal("Hello from Starlette", await http.GetStringAsync("/"));
        }
    }

    [Fact]
    public async Task Socket_Echo_IsServed() => Assert.Equal("over Starlette", await SocketEcho.AskAsync(Server, "over Starlette"));
}

public sealed class TaggedServer() : ServerFixture("starlette_app:tagged");

/// <summary>BaseHTTPMiddleware runs the app in a task of its own, with receive and send wrapped.</summary>
public sealed class StarletteMiddlewareTests(TaggedServer tagged) : FrameworkTests(tagged), IClassFixture<TaggedServer>
{
    [Fact]
    public async Task Middleware_OnEachAnswer_HasItsSay()
    {
        using var client = await tagged.ConnectAsync();
        var answer = await client.GetAsync("/file");
        Assert.Equal((200, "middleware"), (answer.Status, answer.Header("X-Tag")));
    }
}

public sealed class FastApiServer() : ServerFixture("fastapi_app:app");

public sealed class FastApiTests(FastApiServer fast) : FrameworkTests(fast), IClassFixture<FastApiServer>
{
    [Fact]
    public async Task Body_ThatIsNotTheModel_Is422()
    {
        using var client = await fast.ConnectAsync();
        var answer = await client.RequestAsync("POST /json HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        Assert.Equal((422, JsonValueKind.Array), (answer.Status, answer.Json().GetProperty("detail").ValueKind));
    }

    [Fact]
    public async Task Socket_Json_IsServed() => Assert.Equal("""{"a": 1}""", await SocketEcho.AskAsync(Server, """{"a": 1}"""));
}

public sealed class QuartServer() : ServerFixture("quart_app:app");

public sealed class QuartTests(QuartServer quart) : FrameworkTests(quart), IClassFixture<QuartServer>
{
    [Fact]
    public async Task Socket_Echo_IsServed() => Assert.Equal("over Quart", await SocketEcho.AskAsync(Server, "over Quart"));
}

public sealed class AsyncDjangoServer() : ServerFixture("django_asgi:app");

public sealed class AsyncDjangoTests(AsyncDjangoServer django) : FrameworkTests(django), IClassFixture<AsyncDjangoServer>
{
    internal override async Task<HttpResponseMessage> PostFormAsync(HttpClient http, string name)
    {
        var token = await http.GetStringAsync("/form");
        using var form = new FormUrlEncodedContent([new("name", name), new("csrfmiddlewaretoken", token)]);
        return await http.PostAsync("/form", form);
    }
}

/// <summary>One message to /echo, and its answer.</summary>
internal static class SocketEcho
{
    public static async Task<string> AskAsync(PythonServer server, string text)
    {
        using var socket = await OpenAsync(server, "/echo");
        await SendAsync(socket, text);
        var answer = await TextAsync(socket);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).Within("the end");
        return answer;
    }

    public static async Task<ClientWebSocket> OpenAsync(PythonServer server, string target)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.PortText}{target}"), CancellationToken.None).Within("the handshake");
        return socket;
    }

    public static Task SendAsync(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    /// <summary>A message of up to 1,000 bytes.</summary>
    public static async Task<string> TextAsync(WebSocket socket)
    {
        var buffer = new byte[1000];
        var result = await socket.ReceiveAsync(buffer, CancellationToken.None).Within("a message");
        Assert.Equal(WebSocketMessageType.Text, result.MessageType);
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }
}
