using System.Text;
using System.Text.Json;
using Waitress.AccessLogging;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Http;
using Waitress.Tests.Http;

namespace Waitress.Tests.AccessLogging;

/// <summary>Formats against real exchanges: what a line says of a request that went through Kestrel and the application.</summary>
public sealed class AccessLogFormatTests
{
    private const string Request = "GET /a%20b/%22?q=1&r=%0a HTTP/1.1\r\nHost: test:80\r\nUser-Agent: agent/1 \"quoted\"\r\nReferer: http://r/\r\n" +
        "Authorization: Basic dXNlcjpwYXNz\r\nX-Twice: one\r\nX-Twice: two\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";

    public static TheoryData<string, string> Atoms => new()
    {
        { "%(h)s", "127.0.0.1" },
        { "%(l)s", "-" },
        { "%(u)s", "user" },
        { "%(r)s", "GET /a%20b/%22?q=1&r=%0a HTTP/1.1" },
        { "%(m)s", "GET" },
        { "%(U)s", "/a\\x20b/\\x22" },
        { "\"%(U)s\"", "\"/a b/\\x22\"" },
        { "%(q)s", "q=1&r=%0a" },
        { "%(H)s", "HTTP/1.1" },
        { "%(s)s", "200" },
        { "%(b)s %(B)s %(B)d", "5 5 5" },
        { "%(f)s", "http://r/" },
        { "\"%(a)s\"", "\"agent/1 \\x22quoted\\x22\"" },
        { "%(p)s", $"<{Environment.ProcessId}>" },
        { "%(request_bytes)s", "0" },
        { "%(host)s %(scheme)s", "test:80 http" },
        { "%(worker)s", "w7" },
        { "%(trace)s", "0af7651916cd43dd8448eb211c80319c" },
        { "%(refused)s", "-" },
        { "%({x-twice}i)s", "one,\\x20two" },
        { "%({No-Such}i)s", "-" },
        { "%({x-answer}o)s", "tell\\x20tale" },
        { "%({content-length}o)s", "5" },
        { "%({REQUEST_METHOD}e)s %({PATH_INFO}e)s %({QUERY_STRING}e)s", "GET /a\\x20b/\\x22 q=1&r=%0a" },
        { "%({REQUEST_URI}e)s", "/a%20b/%22?q=1&r=%0a" },
        { "%({SERVER_NAME}e)s %({SERVER_PROTOCOL}e)s %({SERVER_SOFTWARE}e)s", "waitress.invalid HTTP/1.1 waitress" },
        { "%({REMOTE_ADDR}e)s %({REMOTE_HOST}e)s %({wsgi.url_scheme}e)s", "127.0.0.1 127.0.0.1 http" },
        { "%({HTTP_USER_AGENT}e)s %({HTTP_X_TWICE}e)s", "agent/1\\x20\\x22quoted\\x22 one,\\x20two" },
        { "%({SCRIPT_NAME}e)s %({CONTENT_TYPE}e)s %({CONTENT_LENGTH}e)s %({HTTP_NO_SUCH}e)s", "- - - -" },
        { "100%% [%(s)s] é", "100% [200] é" },
    };

    [Theory]
    [MemberData(nameof(Atoms))]
    public async Task Atom_OfARequest_IsWhatItWas(string format, string expected) => Assert.Equal(expected + "\n", await LineOfAsync(format));

    [Theory]
    [InlineData("%(t)s", @"^\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]\n$")]
    [InlineData("%(time)s", @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$")]
    [InlineData("%(T)s %(M)s %(D)s %(L)s", @"^\d+ \d+ \d+ \d+\.\d{6}\n$")]
    [InlineData("%(queue_us)s %(gil_us)s %(app_us)s", @"^(\d+|-) (\d+|-) (\d+|-)\n$")]
    [InlineData("%({SERVER_PORT}e)s %({REMOTE_PORT}e)s", @"^\d+ \d+\n$")]
    [InlineData("common", @"^127\.0\.0\.1 - user \[[^]]+\] ""GET /a%20b/%22\?q=1&r=%0a HTTP/1\.1"" 200 5\n$")]
    [InlineData("combined", @"^127\.0\.0\.1 - user \[[^]]+\] ""GET /a%20b/%22\?q=1&r=%0a HTTP/1\.1"" 200 5 ""http://r/"" ""agent/1 \\x22quoted\\x22""\n$")]
    public async Task Format_OfARequest_HasItsShape(string format, string pattern) => Assert.Matches(pattern, await LineOfAsync(format));

    [Fact]
    public async Task Json_OfARequest_HasEveryField()
    {
        var line = await LineOfAsync("json");
        using var parsed = JsonDocument.Parse(line);
        var root = parsed.RootElement;
        Assert.Equal(AccessLogJson.Fields.Select(pair => pair.Field), root.EnumerateObject().Select(field => field.Name));
        Assert.Equal("agent/1 \"quoted\"", root.GetProperty("user_agent").GetString());
        Assert.Equal((200, 5, Environment.ProcessId), (root.GetProperty("status").GetInt32(), root.GetProperty("bytes").GetInt32(), root.GetProperty("pid").GetInt32()));
        Assert.Equal("/a%20b/%22?q=1&r=%0a", root.GetProperty("target").GetString());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("refused").ValueKind);
        Assert.EndsWith("}\n", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x\ty\x85\" \\\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\"} 200 {\"\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic IlwKMSAtIC0gZm9yZ2VkOng=\r\n\r\n")]
    [InlineData("GET /%0d%0a127.0.0.1%20-%20- HTTP/1.1\r\nHost: a\r\n\r\n")]
    public async Task Line_OfAForger_IsOneLineWithItsQuotes(string request)
    {
        foreach (var format in new[] { "combined", "json", "%(u)s %(U)s \"%(U)s\" %({HTTP_USER_AGENT}e)s" })
        {
            var line = await LineOfAsync(format, request);
            Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
            Assert.DoesNotContain(line[..^1], char.IsControl);
            if (format == "combined")
                Assert.Equal(6, line.Count(c => c == '"'));
            else if (format == "json")
                JsonDocument.Parse(line).Dispose();
            else
                Assert.Equal(4, line.Split(' ').Length - (line.Contains("\" ", StringComparison.Ordinal) ? line.Split('"')[1].Count(c => c == ' ') : 0));
        }
    }

    [Fact]
    public async Task Refused_ByTheGuard_HasItsStatusAndReason() =>
        Assert.Equal("501 CONNECT a:80 The method is not supported\n",
            (await LineOfAsync("%(s)s %(m)s %({REQUEST_URI}e)s \"%(refused)s\"", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501)).Replace("\"", "", StringComparison.Ordinal));

    [Fact]
    public async Task Client_ThatLeavesWithinItsBody_IsLoggedWith499()
    {
        var status = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await EngineServer.StartAsync(Answer, observed: exchange => status.TrySetResult(exchange.Response.Status));
        using var client = server.Connect();
        client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\nhalf");
        Assert.True(SpinWait.SpinUntil(() => server.InFlight.Count == 1, TimeSpan.FromSeconds(30)));
        client.Reset();
        Assert.Equal(499, await status.Task.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Refused_OnTheWire_HasHyphensForWhatIsNotKnown()
    {
        var refused = new RefusedRequest(System.Net.IPEndPoint.Parse("[::ffff:10.1.2.3]:99"), 431, "Request headers too long.", Refusal.HeadersTooLarge);
        Assert.Matches(@"^10\.1\.2\.3 - - \[[^]]+\] ""-"" 431 - ""-"" ""-""\n$", LineOf("combined", refused));
        Assert.Equal("- - - - - - - - - -\n", LineOf("%(m)s %(U)s %(H)s %(B)s %(D)s %(L)s %(queue_us)s %({a}i)s %({a}o)s %({HTTP_A}e)s", refused));
        using var parsed = JsonDocument.Parse(LineOf("json", refused));
        Assert.Equal("Request headers too long.", parsed.RootElement.GetProperty("refused").GetString());
        Assert.Equal(JsonValueKind.Null, parsed.RootElement.GetProperty("duration_us").ValueKind);
    }

    [Theory]
    [InlineData("%(x)s", "%(x)s")]
    [InlineData("a %(h)s %(nope)s %(s)s", "%(nope)s")]
    [InlineData("%(h)x", "%(h)x")]
    [InlineData("%(h)d", "%(h)d")]
    [InlineData("%h", "%h")]
    [InlineData("%({a b}i)s", "%({a b}i)s")]
    [InlineData("%({NO_SUCH}e)s", "%({NO_SUCH}e)s")]
    [InlineData("%({HTTP_}e)s", "%({HTTP_}e)s")]
    [InlineData("%({}i)s", "%({}i)s")]
    [InlineData("%(h", "%(h")]
    [InlineData("a\nb", "a\nb")]
    [InlineData("", "")]
    [InlineData("100%", "%")]
    public void Format_ThatIsNotKnown_IsRefusedWithThePart(string format, string part)
    {
        Assert.Equal(part, AccessLogFormat.Refused(format));
        Assert.Null(AccessLogFormat.Compile(format, new AccessLogPlace(new Settings(), null), out var refused));
        Assert.Equal(part, refused);
    }

    [Fact]
    public void Setting_WithAnUnknownAtom_IsAnErrorThatNamesWhatIsAllowed()
    {
        var outcome = SettingsReader.Read(new SettingsSources { CommandLine = new Dictionary<string, object?> { ["access_logformat"] = "%(h)s %(zz)s" } });
        var error = Assert.Single(outcome.Errors);
        Assert.Contains("\"%(zz)s\" is not allowed", error, StringComparison.Ordinal);
        Assert.All(AccessLogAtoms.Plain, atom => Assert.Contains($"%({atom.Name})s", error, StringComparison.Ordinal));
    }

    private static string LineOf(string format, RefusedRequest refused)
    {
        var line = new LineBuffer();
        Compile(format).Write(line, new AccessEntry(new AccessLogPlace(new Settings(), null), null, refused, new LineClock(TimeProvider.System)));
        return Encoding.UTF8.GetString(line.Bytes);
    }

    private static AccessLogFormat Compile(string format) =>
        AccessLogFormat.Compile(format, new AccessLogPlace(EngineServer.Loopback, "w7"), out var refused) ?? throw new InvalidOperationException(refused);

    private static async Task<string> LineOfAsync(string format, string request = Request, int status = 200)
    {
        var compiled = Compile(format);
        var clock = new LineClock(TimeProvider.System);
        var made = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await EngineServer.StartAsync(Answer, observed: exchange =>
        {
            var line = new LineBuffer();
            compiled.Write(line, new AccessEntry(compiled.Place, exchange, null, clock));
            made.TrySetResult(Encoding.UTF8.GetString(line.Bytes));
        });
        using var client = server.Connect();
        client.Send(Encoding.Latin1.GetBytes(request));
        Assert.Equal(status, client.Read().Status);
        return await made.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static void Answer(Exchange exchange)
    {
        exchange.Response.Start(200, "OK");
        exchange.Response.Headers["X-Answer"] = "tell tale";
        exchange.Response.TryGather("hello"u8);
        exchange.Response.Declare(5);
    }
}
