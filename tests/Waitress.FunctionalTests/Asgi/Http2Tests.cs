using System.Net;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>tests/apps/asgi_suite.py over HTTP/2 by prior knowledge.</summary>
public sealed class AsgiHttp2Server() : ServerFixture("asgi_suite:app", "--http=1,2");

/// <summary>What differs over HTTP/2: many requests at once on a connection, trailers, streams that are reset.</summary>
public sealed class AsgiHttp2Tests(AsgiHttp2Server server) : IClassFixture<AsgiHttp2Server>
{
    [Fact]
    public async Task Scope_OverHttp2_SaysSo()
    {
        using var http = server.Server.Http();
        using var answer = await SendAsync(http, HttpMethod.Get, "/any/caf%C3%A9?q=1");
        var seen = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(("2", "/any/caf\u00e9", "http"), (seen.GetProperty("http_version").GetString(), seen.GetProperty("path").GetString(), seen.GetProperty("scheme").GetString()));
        Assert.Equal("""{"http.response.pathsend": {}, "http.response.trailers": {}, "http.response.early_hint": {}}""", seen.GetProperty("extensions").GetRawText());
        Assert.Contains("host", seen.GetProperty("headers").EnumerateArray().Select(pair => pair[0].GetString()));
    }

    [Fact]
    public async Task Requests_AtOnce_AreAnswered()
    {
        using var http = server.Server.Http();
        // What is echoed while it comes is small: .NET's client reads no answer before it has sent its request whole, and streams that wait for that
        // would hold the window that they share.
        var (large, small) = (Pattern.Bytes(1_000_000), Pattern.Bytes(20_000));
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(async number =>
        {
            using var content = new ByteArrayContent(number % 2 == 0 ? small : large);
            using var answer = await SendAsync(http, HttpMethod.Post, number % 2 == 0 ? "/echo" : "/digest", content);
            return number % 2 == 0
                ? Pattern.Digest(await answer.Content.ReadAsByteArrayAsync())
                : JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("sha256").GetString();
        })).Within("all answers");
        Assert.Equal(Enumerable.Range(0, 20).Select(number => Pattern.Digest(number % 2 == 0 ? small : large)), answers);
    }

    [Fact]
    public async Task Upload_WhileItIsAnswered_GoesBothWays()
    {
        using var http = server.Server.Http();
        using var content = new Conversation();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/echo") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
        var answering = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var stream = await content.Stream.Within("the upload begins");
        var seen = new byte[100_000];
        Stream? answer = null;
        for (var turn = 1; turn <= 20; turn++)
        {
            // Each block is answered before the next one is sent.
            var block = Pattern.Bytes(turn * 5000);
            await stream.WriteAsync(block);
            await stream.FlushAsync();
            answer ??= await (await answering.Within("the head")).Content.ReadAsStreamAsync();
            await answer.ReadExactlyAsync(seen.AsMemory(0, block.Length)).AsTask().Within("the echo of the block");
            Assert.Equal(Pattern.Digest(block), Pattern.Digest(seen.AsSpan(0, block.Length).ToArray()));
        }

        content.Finish();
        Assert.Equal(0, await answer!.ReadAsync(seen).AsTask().Within("the end"));
    }

    [Fact]
    public async Task Trailers_OfTheApp_FollowTheBody()
    {
        using var http = server.Server.Http();
        using var answer = await SendAsync(http, HttpMethod.Get, "/trailers");
        Assert.Equal("summed", await answer.Content.ReadAsStringAsync());
        Assert.Equal(["42"], answer.TrailingHeaders.GetValues("x-sum"));
        Assert.Equal(["43"], answer.TrailingHeaders.GetValues("x-more"));
    }

    [Fact]
    public async Task Stream_Reset_IsADisconnectAndTheConnectionGoesOn()
    {
        var name = Pattern.Name();
        using var http = server.Server.Http();
        using var stop = new CancellationTokenSource();
        var waiting = SendAsync(http, HttpMethod.Get, "/until-left?name=" + name, stop: stop.Token);
        await server.Log.WaitForMark("entered " + name);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await server.Log.WaitForMark("http.disconnect " + name);
        await server.Log.WaitForMark("oserror " + name);
        using var answer = await SendAsync(http, HttpMethod.Get, "/hello");
        Assert.Equal(Expected.Hello, await answer.Content.ReadAsStringAsync());
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient http, HttpMethod method, string target, HttpContent? content = null, CancellationToken stop = default)
    {
        var request = new HttpRequestMessage(method, target) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
        return http.SendAsync(request, stop);
    }

    // A body that the test writes while it reads the answer, which .NET allows contents of one's own.
    private sealed class Conversation : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Stream => _stream.Task;

        public void Finish() => _finished.SetResult();

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            _stream.SetResult(stream);
            return _finished.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
