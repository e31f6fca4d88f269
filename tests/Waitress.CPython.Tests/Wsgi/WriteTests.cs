using Waitress.Configuration;
using Waitress.CPython.Tests.Harness;
using Waitress.Telemetry;

namespace Waitress.CPython.Tests.Wsgi;

/// <summary>What an app may make of a client that leaves while write() sends, and what the log says then.</summary>
[Collection(nameof(PythonProcess))]
public sealed class WriteTests(PythonProcess python)
{
    // More than the kernel and the limits below hold, so that some write() finds the client gone.
    private const string App = """
        import logging
        logged = []
        class Keep(logging.Handler):
            def emit(self, record):
                logged.append(repr(record.exc_info[1]))
        logger = logging.getLogger("waitress")
        logger.handlers = [Keep()]
        logger.propagate = False
        def send(start_response):
            write = start_response("200 OK", [])
            for _ in range(100_000):
                write(b"x" * 65536)
            raise ValueError("nobody left")

        """;

    private static readonly Settings Small = new() { OutbufOverflow = 4096, OutbufHighWatermark = 65_536 };

    private IReadOnlyList<Mailbox.Entry> Leave(string app, Settings settings)
    {
        python.Do(() => Py.Execute(App + app));
        return TestServer.Run(
            python,
            "app",
            server =>
            {
                using var client = server.Connect(receiveBuffer: 4096);
                client.Send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
                client.ReadHead();
                client.Reset();
            },
            settings);
    }

    private string Logged() => python.Do(() => Py.Text("logged"));

    [Theory]
    [InlineData("def app(environ, start_response):\n    send(start_response)")]
    [InlineData("def app(environ, start_response):\n    try:\n        send(start_response)\n    except ConnectionError:\n        raise")]
    [InlineData("def app(environ, start_response):\n    send(start_response)\n    yield b''")]
    public void Write_ClientLeftAndTheAppLetsTheErrorThrough_IsOneQuietEntry(string app)
    {
        var log = Leave(app, Small);
        Assert.Equal("Client disconnected while serving GET /x", Assert.Single(log).Text);
        Assert.Equal("[]", Logged());
    }

    [Fact]
    public void Write_ClientLeftAndSocketErrorsAreNotLogged_IsNoEntry()
    {
        Assert.Empty(Leave("def app(environ, start_response):\n    send(start_response)", Small with { LogSocketErrors = false }));
        Assert.Equal("[]", Logged());
    }

    [Fact]
    public void Write_ClientLeftAndTheAppFailsForIt_IsTheAppsFailure()
    {
        var log = Leave(
            """
            def app(environ, start_response):
                try:
                    send(start_response)
                except ConnectionError as error:
                    raise LookupError(str(error)) from error
            """,
            Small);
        Assert.Empty(log);
        Assert.Equal("""["LookupError('The client has disconnected')"]""", Logged());
    }

    [Fact]
    public void Write_ErrorOfThatTypeWhileTheClientWaits_IsTheAppsFailure()
    {
        python.Do(() => Py.Execute(App + """
            from waitress._wsgi import ClientDisconnected
            def app(environ, start_response):
                raise ClientDisconnected("not so")
            """));
        TestServer.Run(python, "app", server =>
        {
            using var client = server.Connect();
            Assert.Equal(500, client.Get().Status);
        });
        Assert.Equal("""["ClientDisconnected('not so')"]""", Logged());
    }
}
