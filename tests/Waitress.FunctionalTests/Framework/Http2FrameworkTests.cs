using Waitress.FunctionalTests.Harness;
using Waitress.Tests.Tls;

namespace Waitress.FunctionalTests.Framework;

/// <summary>A framework's app behind TLS and HTTP/2.</summary>
public abstract class Http2Server : ServerFixture
{
    private readonly Certificates _files;

    protected Http2Server(string app)
        : this(app, new Certificates())
    {
    }

    private Http2Server(string app, Certificates files)
        : base(app, $"--certfile={files.At("a.pem")}", $"--keyfile={files.At("a.key")}", "--http=2")
    {
        _files = files;
        files.Write("a", ["localhost"]).Dispose();
    }
}

public sealed class FlaskHttp2Server() : Http2Server("flask_app:app");

public sealed class DjangoHttp2Server() : Http2Server("django_app:app");

public sealed class FlaskHttp2Tests(FlaskHttp2Server flask) : FrameworkTests(flask), IClassFixture<FlaskHttp2Server>
{
    [Fact]
    public async Task Address_OfTheRequest_IsHttps()
    {
        using var http = Server.Http();
        Assert.Contains($"https://127.0.0.1:{Server.PortText}/address", await http.GetStringAsync("/address"), StringComparison.Ordinal);
    }

    [Fact]
    public override async Task Stream_OfAThousandItems_IsChunkedAndWhole()
    {
        using var http = Server.Http();
        Assert.Equal(string.Concat(Enumerable.Range(0, 1000).Select(number => $"row {number}\n")), await http.GetStringAsync("/stream?word=row"));
    }
}

public sealed class DjangoHttp2Tests(DjangoHttp2Server django) : FrameworkTests(django), IClassFixture<DjangoHttp2Server>
{
    [Fact]
    public override async Task Stream_OfAThousandItems_IsChunkedAndWhole()
    {
        using var http = Server.Http();
        Assert.Equal(string.Concat(Enumerable.Range(0, 1000).Select(number => $"row {number}\n")), await http.GetStringAsync("/stream?word=row"));
    }

    internal override async Task<HttpResponseMessage> PostFormAsync(HttpClient http, string name)
    {
        var token = await http.GetStringAsync("/form");
        using var form = new FormUrlEncodedContent([new("name", name), new("csrfmiddlewaretoken", token)]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/form") { Content = form };
        request.Version = http.DefaultRequestVersion;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Headers.Referrer = http.BaseAddress; // Django asks for it over https.
        return await http.SendAsync(request);
    }
}
