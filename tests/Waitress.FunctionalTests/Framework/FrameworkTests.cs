using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Framework;

/// <summary>What every framework's app does alike: forms, sessions, uploads, static files, streams, JSON, a broken view.</summary>
public abstract class FrameworkTests(ServerFixture fixture)
{
    internal PythonServer Server => fixture.Server;

    internal LogCapture Log => fixture.Log;

    [Fact]
    public async Task Index_Get_IsServed()
    {
        using var http = Server.Http();
        Assert.StartsWith("Hello from ", await http.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Form_Posted_IsKeptInTheSession()
    {
        using var http = Server.Http();
        Assert.Equal("nobody", await http.GetStringAsync("/who"));
        var answer = await PostFormAsync(http, "Grete Hermann");
        Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.Found, HttpStatusCode.SeeOther]);
        Assert.Equal("/who", new Uri(http.BaseAddress!, answer.Headers.Location!).AbsolutePath);
        Assert.Equal("Grete Hermann", await http.GetStringAsync("/who"));
        using var other = Server.Http();
        Assert.Equal("nobody", await other.GetStringAsync("/who"));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(3_000_000)]
    public async Task Upload_Multipart_ArrivesWhole(int size)
    {
        using var http = Server.Http();
        var data = Pattern.Bytes(size);
        using var form = new MultipartFormDataContent { { new StringContent("a note"), "note" }, { new ByteArrayContent(data), "file", "data.bin" } };
        var seen = await (await http.PostAsync("/upload", form)).EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("data.bin", size, Pattern.Digest(data), "a note"),
            (seen.GetProperty("name").GetString(), seen.GetProperty("length").GetInt32(), seen.GetProperty("sha256").GetString(),
                seen.GetProperty("note").GetString()));
    }

    [Fact]
    public async Task Json_PostedChunked_IsAnswered()
    {
        using var http = Server.Http();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/json")
        {
            Content = JsonContent.Create(new { numbers = new[] { 1, 2, 3 } }),
            Version = http.DefaultRequestVersion,
            VersionPolicy = http.DefaultVersionPolicy,
        };
        request.Headers.TransferEncodingChunked = true;
        var seen = await (await http.SendAsync(request)).EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal([2, 4, 6], seen.GetProperty("doubled").EnumerateArray().Select(number => number.GetInt32()));
    }

    [Fact]
    public async Task Static_File_IsSentWithItsTypeAndLength()
    {
        using var http = Server.Http();
        var expected = await File.ReadAllTextAsync(Path.Combine(Pythons.Apps, "static", "style.css"));
        var answer = (await http.GetAsync("/static/style.css")).EnsureSuccessStatusCode();
        Assert.Equal(("text/css", expected.Length), (answer.Content.Headers.ContentType!.MediaType, (int)answer.Content.Headers.ContentLength!));
        Assert.Equal(expected, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public virtual async Task Stream_OfAThousandItems_IsChunkedAndWhole()
    {
        using var client = await Server.ConnectAsync();
        var response = await client.GetAsync("/stream?word=row");
        Assert.Equal(Framing.Chunked, response.Framing);
        Assert.Equal(string.Concat(Enumerable.Range(0, 1000).Select(number => $"row {number}\n")), response.Text);
    }

    [Fact]
    public async Task View_ThatRaises_Is500AndInTheLog()
    {
        using var http = Server.Http();
        Assert.Equal(HttpStatusCode.InternalServerError, (await http.GetAsync("/broken")).StatusCode);
        await Log.WaitForLog("RuntimeError: broken view");
        Assert.StartsWith("Hello from ", await http.GetStringAsync("/"), StringComparison.Ordinal);
    }

    /// <summary>Django wants its token back; the others take the bare form.</summary>
    internal virtual async Task<HttpResponseMessage> PostFormAsync(HttpClient http, string name)
    {
        using var form = new FormUrlEncodedContent([new("name", name)]);
        return await http.PostAsync("/form", form);
    }
}

public sealed class FlaskServer() : ServerFixture("flask_app:app");

public sealed class FlaskTests(FlaskServer flask) : FrameworkTests(flask), IClassFixture<FlaskServer>
{
    [Fact]
    public async Task Address_OfTheRequest_IsWhatTheClientAsked()
    {
        using var client = await flask.ConnectAsync();
        var seen = (await client.RequestAsync("GET /address?q=%20 HTTP/1.1\r\nHost: shop.test:8000\r\n\r\n")).Json();
        Assert.Equal(("http://shop.test:8000/address?q=%20", "127.0.0.1", ""),
            (seen.GetProperty("url").GetString(), seen.GetProperty("remote").GetString(), seen.GetProperty("root").GetString()));
    }

    [Fact]
    public async Task Abort_NotFound_IsTheAppsOwnPageAndKeepsTheConnection()
    {
        using var client = await flask.ConnectAsync();
        var response = await client.GetAsync("/missing");
        Assert.Equal((404, null), (response.Status, response.Header("Connection")));
        Assert.Equal("Hello from Flask", (await client.GetAsync("/")).Text);
    }

    [Fact]
    public async Task Static_Conditional_Is304WithoutBody()
    {
        using var client = await flask.ConnectAsync();
        var tag = (await client.GetAsync("/static/style.css")).Header("ETag");
        var response = await client.GetAsync("/static/style.css", $"If-None-Match: {tag}\r\n");
        Assert.Equal(304, response.Status);
        Assert.Equal("Hello from Flask", (await client.GetAsync("/")).Text);
    }

    [Fact]
    public async Task Static_Range_IsThePart()
    {
        using var client = await flask.ConnectAsync();
        var response = await client.GetAsync("/static/style.css", "Range: bytes=0-3\r\n");
        Assert.Equal((206, "body"), (response.Status, response.Text));
    }
}

public sealed class DjangoServer() : ServerFixture("django_app:app");

public sealed class DjangoTests(DjangoServer django) : FrameworkTests(django), IClassFixture<DjangoServer>
{
    [Fact]
    public async Task Form_WithoutToken_IsForbidden()
    {
        using var http = Server.Http();
        using var form = new FormUrlEncodedContent([new("name", "x")]);
        Assert.Equal(HttpStatusCode.Forbidden, (await http.PostAsync("/form", form)).StatusCode);
    }

    [Fact]
    public async Task FileResponse_FromMemory_IsWhole()
    {
        using var client = await django.ConnectAsync();
        var response = await client.GetAsync("/memory");
        Assert.Equal("1000000", response.Header("Content-Length"));
        Assert.Equal(Pattern.Digest(Pattern.Bytes(1_000_000)), Pattern.Digest(response.Body));
    }

    internal override async Task<HttpResponseMessage> PostFormAsync(HttpClient http, string name)
    {
        var token = await http.GetStringAsync("/form");
        using var form = new FormUrlEncodedContent([new("name", name), new("csrfmiddlewaretoken", token)]);
        return await http.PostAsync("/form", form);
    }
}

public sealed class PyramidServer() : ServerFixture("pyramid_app:app");

public sealed class PyramidTests(PyramidServer pyramid) : FrameworkTests(pyramid), IClassFixture<PyramidServer>;

public sealed class FalconServer() : ServerFixture("falcon_app:app");

public sealed class FalconTests(FalconServer falcon) : IClassFixture<FalconServer>
{
    [Fact]
    public async Task Resource_GetJsonAndStream_AreServed()
    {
        using var http = falcon.Server.Http();
        Assert.Equal("Hello from Falcon", await http.GetStringAsync("/"));
        var seen = await (await http.PostAsJsonAsync("/json", new { numbers = new[] { 4 } })).Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(8, seen.GetProperty("doubled")[0].GetInt32());
        Assert.EndsWith("row 999\n", await http.GetStringAsync("/stream?word=row"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resource_Put_ReadsTheWholeBody()
    {
        using var http = falcon.Server.Http();
        var data = Pattern.Bytes(700_000);
        using var content = new ByteArrayContent(data);
        var seen = await (await http.PutAsync("/stream", content)).EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(Pattern.Digest(data), seen.GetProperty("sha256").GetString());
    }
}
