using System.Net;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>103 responses before the answer, over HTTP/2 alone.</summary>
public sealed class EarlyHintTests(AsgiHttp2Server server) : IClassFixture<AsgiHttp2Server>
{
    private static readonly string[] s_links =
        ["</a.css>; rel=preload; as=style", "</caf\u00e9.js>; rel=preload; as=script", "</" + new string('x', 300) + ">"];

    [Fact]
    public async Task Hints_ComeBeforeTheAnswerAndWhileTheAppStillWorks()
    {
        using var gate = new Gate();
        var name = Pattern.Name();
        await using var client = Tool.StartHttp2(server.Server, "hinted", "/hints?" + gate.Query(name));
        await client.Output.WaitForLog("hinted False");
        gate.Open();
        Assert.Equal(0, await client.ExitAsync());
        var result = JsonDocument.Parse(client.Output.Lines[^1]).RootElement;
        foreach (var stream in new[] { "1", "3" })
        {
            Assert.Equal(s_links, result.GetProperty("hints").GetProperty(stream).EnumerateArray().Select(link => link.GetString()));
            Assert.Equal(200, result.GetProperty("statuses").GetProperty(stream).GetInt32());
            Assert.Equal(("yes", false), (result.GetProperty("headers").GetProperty(stream).GetProperty("x-final").GetString(), result.GetProperty("headers").GetProperty(stream).TryGetProperty("link", out _)));
            Assert.Equal("hinted", result.GetProperty("texts").GetProperty(stream).GetString());
        }

        Assert.False(result.GetProperty("hints").TryGetProperty("5", out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Hints_BetweenLargeHeads_BreakNone(bool withTls)
    {
        const int Many = 300;
        using var files = new Certificates();
        files.Write("a", ["localhost"]).Dispose();
        await using var secure = withTls ? await PythonServer.StartAsync("asgi_suite:app", [$"--certfile={files.At("a.pem")}", $"--keyfile={files.At("a.key")}"]) : null;
        var ran = await Tool.RunAsync("/usr/bin/python3",
            ["http2_hints.py", "127.0.0.1", (secure ?? server.Server).PortText, $"{Many}", .. withTls ? [files.AuthorityFile] : Array.Empty<string>()]);
        Assert.True(ran.Code == 0, ran.Errors);
        var result = JsonDocument.Parse(ran.Output).RootElement;
        Assert.Equal($$"""{"200": {{Many}}}""", result.GetProperty("statuses").GetRawText());
        Assert.Equal(Many / 2, result.GetProperty("hinted").GetInt32());
        Assert.Equal(s_links[..2], result.GetProperty("first").EnumerateArray().Select(link => link.GetString()).Take(2));
    }

    [Fact]
    public async Task Client_ThatGivesUpWhenHinted_LosesItsStreamAlone()
    {
        var result = await Tool.Http2Async(server.Server, "hint_and_reset", "/hints");
        Assert.Equal((200, false), (result.GetProperty("statuses").GetProperty("101").GetInt32(), result.GetProperty("closed").GetBoolean()));
        Assert.Equal(3, result.GetProperty("hints").GetProperty("101").GetArrayLength());
    }

    [Fact]
    public async Task Client_WithASmallTable_GetsTheAnswerWithoutHints()
    {
        var result = await Tool.Http2Async(server.Server, "small_table", "/hints");
        Assert.Equal("{}", result.GetProperty("hints").GetRawText());
        Assert.Equal((200, 200), (result.GetProperty("statuses").GetProperty("1").GetInt32(), result.GetProperty("statuses").GetProperty("3").GetInt32()));
    }

    [Fact]
    public async Task Links_LargerThanAFrame_AreRefused()
    {
        var ran = await Tool.CurlAsync("--http2-prior-knowledge", $"http://127.0.0.1:{server.Server.PortText}/mistake?kind=hint-large");
        Assert.Equal("ValueError: the links of an early hint have to fit into 16 KiB", ran.Output);
    }

    [Fact]
    public async Task Curl_AndDotNet_TakeHints()
    {
        var ran = await Tool.CurlAsync("--http2-prior-knowledge", "-i", $"http://127.0.0.1:{server.Server.PortText}/hints");
        Assert.Equal(2, ran.Output.Split("HTTP/2 103").Length - 1);
        Assert.Contains("\nlink: </a.css>; rel=preload; as=style\r\n", ran.Output, StringComparison.OrdinalIgnoreCase);
        Assert.EndsWith("hinted", ran.Output, StringComparison.Ordinal);
        using var http = server.Server.Http();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/hints") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await http.SendAsync(request);
        Assert.Equal((HttpStatusCode.OK, "hinted"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("1.0")]
    public async Task Http1_GetsNone(string version)
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /hints HTTP/{version}\r\nHost: test\r\nConnection: close\r\n\r\n");
        var answer = await client.ReceiveAsync();
        Assert.Equal((200, "hinted", null), (answer.Status, answer.Text, answer.Header("Link")));
    }
}
