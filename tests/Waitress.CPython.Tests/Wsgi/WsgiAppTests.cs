using Waitress.Configuration;
using Waitress.CPython.Tests.Harness;
using Waitress.Telemetry;
using Waitress.Tests.Http;

namespace Waitress.CPython.Tests.Wsgi;

/// <summary>What an app may do and must not, seen from both sides of the border.</summary>
[Collection(nameof(PythonProcess))]
public sealed class WsgiAppTests(PythonProcess python)
{
    private const string Prelude = """
        import io, logging, sys, tempfile
        logged = []
        class Keep(logging.Handler):
            def emit(self, record):
                logged.append(record.getMessage() + ": " + repr(record.exc_info[1]))
        logger = logging.getLogger("waitress")
        logger.handlers = [Keep()]
        logger.propagate = False
        seen = []

        """;

    private (RawAnswer Answer, IReadOnlyList<Mailbox.Entry> Log) Get(string app, string request = "GET /x?q HTTP/1.1\r\nHost: a\r\n\r\n", Settings? settings = null)
    {
        RawAnswer? answer = null;
        python.Do(() => Py.Execute(Prelude + app));
        var log = TestServer.Run(
            python,
            "app",
            server =>
            {
                using var client = server.Connect();
                client.Send(request);
                answer = client.Read();
            },
            settings);
        return (answer!, log);
    }

    private string Text(string source) => python.Do(() => Py.Text(source));

    [Fact]
    public void App_Raises_AnswersWith500AndLogsOnce()
    {
        var (answer, log) = Get("""
            def app(environ, start_response):
                raise LookupError("nothing here")
            """);
        Assert.Equal(500, answer.Status);
        Assert.DoesNotContain("nothing here", answer.Text, StringComparison.Ordinal);
        Assert.Equal("""["Exception while serving GET /x: LookupError('nothing here')"]""", Text("logged"));
        Assert.Empty(log);
    }

    [Theory]
    [InlineData("raise SystemExit(3)")]
    [InlineData("raise KeyboardInterrupt()")]
    [InlineData("return None")]
    [InlineData("return [b'body before the head']")]
    [InlineData("start_response('200 OK', []); return ['text']")]
    [InlineData("start_response('200 OK', []); return [b'a', 5]")]
    [InlineData("start_response(200, []); return []")]
    [InlineData("start_response('200 OK', [('a', 'b\\r\\nc: d')]); return []")]
    [InlineData("start_response('200 OK', []); start_response('200 OK', []); return []")]
    public void App_BreaksARule_NeitherCrashesNorHangs(string body)
    {
        var (answer, log) = Get($"def app(environ, start_response):\n    {body}");
        Assert.True(answer.Status == 500 || !answer.Complete, answer.Head);
        Assert.Equal("1", Text("len(logged)"));
        Assert.Empty(log);
    }

    [Fact]
    public void ExposeTracebacks_AppRaises_ShowsTheTraceback()
    {
        var (answer, _) = Get(
            """
            def app(environ, start_response):
                raise LookupError("nothing here")
            """,
            settings: new Settings { ExposeTracebacks = true });
        Assert.Contains("LookupError: nothing here", answer.Text, StringComparison.Ordinal);
        Assert.Contains("in app", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Close_WhateverHappened_IsCalledOnce()
    {
        foreach (var (step, status) in new[] { ("return b''", 200), ("raise StopIteration", 200), ("return 1 / 0", 500), ("return 'text'", 500) })
        {
            var (answer, _) = Get($$"""
                class Body:
                    left = 2
                    def __iter__(self):
                        return self
                    def __next__(self):
                        self.left -= 1
                        if self.left < 0:
                            raise StopIteration
                        {{step}}
                    def close(self):
                        seen.append("closed")
                def app(environ, start_response):
                    start_response("200 OK", [])
                    return Body()
                """);
            Assert.Equal(status, answer.Status);
            Assert.Equal("['closed']", Text("seen"));
        }
    }

    [Fact]
    public void Close_Raises_IsLoggedAndTheAnswerStands()
    {
        var (answer, _) = Get("""
            class Body(list):
                def close(self):
                    raise ValueError("at the end")
            def app(environ, start_response):
                start_response("200 OK", [])
                return Body([b"all ", b"well"])
            """);
        Assert.Equal((200, "all well", true), (answer.Status, answer.Text, answer.Complete));
        Assert.Contains("at the end", Text("logged"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[b'']")]
    public void Close_RaisesBeforeAnythingHasLeft_AnswersWith500(string blocks)
    {
        var (answer, _) = Get($$"""
            class Body:
                def __iter__(self):
                    return iter({{blocks}})
                def close(self):
                    raise ValueError("at the end")
            def app(environ, start_response):
                start_response("200 OK", [])
                return Body()
            """);
        Assert.Equal((500, true), (answer.Status, answer.Complete));
        Assert.Equal("""["Exception while serving GET /x: ValueError('at the end')"]""", Text("logged"));
    }

    [Theory]
    [InlineData("20", "short", false)]
    [InlineData("20", "", false)]
    [InlineData("3", "too long", true)]
    public void ContentLength_NotKept_IsCutOrVisiblyShort(string announced, string body, bool complete)
    {
        var (answer, log) = Get($$"""
            def app(environ, start_response):
                start_response("200 OK", [("Content-Length", "{{announced}}")])
                return iter([b"{{body}}"])
            """);
        Assert.Equal(200, answer.Status);
        Assert.Equal(announced, RawConnection.Field(answer.Head, "Content-Length"));
        Assert.Equal(complete, answer.Complete);
        Assert.Equal(complete ? LogEvent.TooManyBytes : LogEvent.TooFewBytes, Assert.Single(log).Event);
    }

    [Fact]
    public void KeptBeyondTheRequest_EverythingSaysSo()
    {
        python.Do(() => Py.Execute(Prelude + """
            kept = {}
            def attempt(function, *arguments):
                try:
                    return repr(function(*arguments))
                except Exception as error:
                    return type(error).__name__
            def app(environ, start_response):
                if environ["PATH_INFO"] == "/keep":
                    write = start_response("200 OK", [("Content-Length", "4")])
                    kept.update(write=write, start=start_response, gone=environ["waitress.client_disconnected"])
                    assert not kept["gone"]()
                    return [b"kept"]
                start_response("200 OK", [])
                return [" ".join([attempt(kept["gone"]), attempt(kept["write"], b"x"), attempt(kept["start"], "200 OK", [])]).encode()]
            """));
        TestServer.Run(python, "app", server =>
        {
            using var client = server.Connect();
            Assert.Equal("kept", client.Get("/keep").Text);
            Assert.Equal("True AssertionError AssertionError", client.Get("/use").Text);
        });
    }

    [Fact]
    public void ExcInfo_BeforeTheHeadLeft_ReplacesItAndAfterwardsRaisesAgain()
    {
        var (answer, _) = Get("""
            def app(environ, start_response):
                start_response("200 OK", [("X-One", "1"), ("Content-Length", "99")])
                try:
                    raise KeyError("first")
                except KeyError:
                    write = start_response("501 Odd", [("X-Two", "2")], sys.exc_info())
                write(b"begun")
                try:
                    try:
                        raise KeyError("second")
                    except KeyError:
                        start_response("502 Late", [], exc_info=sys.exc_info())
                except KeyError as error:
                    seen.append(str(error))
                return []
            """);
        Assert.StartsWith("HTTP/1.1 501 Odd\r\n", answer.Head, StringComparison.Ordinal);
        Assert.Null(RawConnection.Field(answer.Head, "X-One"));
        Assert.Equal("2", RawConnection.Field(answer.Head, "X-Two"));
        Assert.Equal("begun", answer.Text);
        Assert.Equal("""["'second'"]""", Text("seen"));
    }

    [Fact]
    public void Input_StillArriving_FailsAgainWhereItHasFailed()
    {
        // channel_timeout has whole seconds: this one test waits for one.
        var (answer, _) = Get(
            """
            def app(environ, start_response):
                for i in range(2):
                    try:
                        seen.append(environ["wsgi.input"].read(5))
                    except OSError as error:
                        seen.append(str(error))
                start_response("200 OK", [("Connection-Note", "x")])
                return [repr(seen).encode()]
            """,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
            new Settings { Asynchronous = false, ChannelTimeout = 1 });
        Assert.Equal("['The request did not arrive in time', 'The request did not arrive in time']", answer.Text);
    }
}
