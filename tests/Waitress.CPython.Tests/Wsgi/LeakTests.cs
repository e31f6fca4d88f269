using System.Text.Json;
using Waitress.Configuration;
using Waitress.CPython.Tests.Harness;
using Waitress.Tests.Http;

namespace Waitress.CPython.Tests.Wsgi;

/// <summary>Thousands of requests of each kind leave Python's heap and our own counts as they were.</summary>
[Collection(nameof(PythonProcess))]
public sealed class LeakTests(PythonProcess python)
{
    private const int Requests = 2000;

    // What caches and the collector's own timing move. One object leaked per request would be forty times that.
    private const int Slack = 50;

    private const string App = """
        import gc, io, json, logging, os, sys, tempfile, types
        from waitress._wsgi import FileWrapper
        logger = logging.getLogger("waitress")
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        sample = tempfile.TemporaryFile()
        sample.write(b"x" * 5000)
        sample.flush()

        def hello(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"hello"]

        def post(environ, start_response):
            start_response("200 OK", [])
            return [str(len(environ["wsgi.input"].read())).encode()]

        def generator(environ, start_response):
            start_response("200 OK", [])
            yield b"one"
            yield b"two"

        def writes(environ, start_response):
            write = start_response("200 OK", [])
            write(b"one")
            write(b"two")
            return []

        def raises(environ, start_response):
            raise ValueError("told")

        def twice(environ, start_response):
            start_response("200 OK", [])
            try:
                start_response("200 OK", [])
            except AssertionError:
                start_response("500 Twice", [], sys.exc_info())
            return [b"twice"]

        def wrapped(environ, start_response):
            start_response("200 OK", [("Content-Length", "5000")])
            sample.seek(0)
            return environ["wsgi.file_wrapper"](io.FileIO(os.dup(sample.fileno())))

        def gone(environ, start_response):
            start_response("200 OK", [])
            while not environ["waitress.client_disconnected"]():
                yield b"x" * 1000

        routes = {function.__name__: function for function in (hello, post, generator, writes, raises, twice, wrapped, gone)}

        def measure(environ, start_response):
            gc.collect()
            watched = (leaky, type(start_response), environ["wsgi.file_wrapper"], environ["wsgi.version"], FileWrapper, bytes, dict, io.BytesIO, None)
            counts = [sys.getrefcount(each) for each in watched]
            counts += [len(gc.get_objects()), sys.getallocatedblocks(), len(os.listdir("/proc/self/fd"))]
            counts.append(sys.gettotalrefcount() if hasattr(sys, "gettotalrefcount") else 0)
            start_response("200 OK", [])
            return [json.dumps(counts).encode()]

        def leaky(environ, start_response):
            return routes.get(environ["PATH_INFO"][1:], measure)(environ, start_response)
        """;

    private static readonly Settings Small = new() { InbufOverflow = 1000, OutbufOverflow = 4096, OutbufHighWatermark = 65_536 };

    public static TheoryData<string, int, int> Kinds => new()
    {
        { "hello", 0, 200 },
        { "post", 500, 200 },
        { "post", 3000, 200 },
        { "generator", 0, 200 },
        { "writes", 0, 200 },
        { "raises", 0, 500 },
        { "twice", 0, 500 },
        { "wrapped", 0, 200 },
        { "gone", 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Requests_ManyOfOneKind_LeaveNothing(string kind, int body, int status)
    {
        python.Do(() => Py.Execute(App));
        var before = LiveReferences.Count;
        TestServer.Run(
            python,
            "leaky",
            server =>
            {
                Repeat(server, 200, kind, body, status); // Caches fill, the free lists of Python too.
                var start = Measure(server);
                var pins = LiveReferences.Count;
                Repeat(server, Requests, kind, body, status);
                var end = Measure(server);
                Assert.Equal(pins, LiveReferences.Count);
                foreach (var (first, last) in start.Zip(end))
                    Assert.True(Math.Abs(last - first) < Slack, $"{kind}: from {string.Join(' ', start)} to {string.Join(' ', end)}");
            },
            Small);
        if (before > 0)
            Assert.Equal(before, LiveReferences.Count); // The first run also makes what lives as long as the interpreter.
    }

    private static long[] Measure(TestServer server)
    {
        using var client = server.Connect();
        client.Get("/measure"); // Once for the connection's own strings.
        return JsonSerializer.Deserialize<long[]>(client.Get("/measure").Body)!;
    }

    private static void Repeat(TestServer server, int times, string kind, int body, int status)
    {
        var request = $"POST /{kind} HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n{new string('x', body)}";
        RawConnection? client = null;
        for (var i = 0; i < times; i++)
        {
            client ??= server.Connect();
            client.Send(request);
            if (status == 0)
            {
                client.ReadHead();
                client.Reset();
                client = null;
                continue;
            }

            var answer = client.Read();
            Assert.Equal(status, answer.Status);
            if (RawConnection.Field(answer.Head, "Connection") != "close")
                continue;
            client.Dispose();
            client = null;
        }

        client?.Dispose();
    }
}
