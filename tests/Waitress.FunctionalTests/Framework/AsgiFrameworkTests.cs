using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Framework;

public sealed class StarletteServer() : ServerFixture("starlette_app:app");

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
    public async Task Upload_Of200Megabytes_TakesNoMemory()
    {
        const int Size = 200_000_000;
        var block = Pattern.Bytes(251 * 4000);
        using var client = await starlette.ConnectAsync();
        await client.SendAsync($"POST /raw-upload HTTP/1.1\r\nHost: test\r\nContent-Length: {Size}\r\n\r\n");
        for (var sent = 0; sent < Size; sent += block.Length)
            await client.SendAsync(block.AsMemory(0, Math.Min(block.Length, Size - sent)));
        var seen = (await client.ReceiveAsync()).Json();
        Assert.Equal(Size, seen.GetProperty("length").GetInt32());
        Assert.InRange(seen.GetProperty("rss").GetInt64(), 1, 190_000); // KiB
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
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.PortText}/echo"), CancellationToken.None).Within("the handshake");
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);
        var buffer = new byte[1000];
        var result = await socket.ReceiveAsync(buffer, CancellationToken.None).Within("a message");
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).Within("the end");
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }
}
