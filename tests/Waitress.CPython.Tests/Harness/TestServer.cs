using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Telemetry;
using Waitress.Tests.Http;
using Waitress.Wsgi;

namespace Waitress.CPython.Tests.Harness;

/// <summary>A whole <see cref="Server"/> with one worker, which is the Python thread of the tests while it serves.</summary>
internal sealed class TestServer
{
    private static Interpreter? interpreter;

    private readonly Server server;

    private TestServer(Server server) => this.server = server;

    public RawConnection Connect(int receiveBuffer = 0) => new((IPEndPoint)server.Sockets[0].Socket.LocalEndPoint!, receiveBuffer);

    /// <summary>
    /// Serves the Python object of that name while the client, on the caller's thread, does its part. Gives back what
    /// was logged, but for the queue's depth: that is a matter of the machine's load.
    /// </summary>
    public static IReadOnlyList<Mailbox.Entry> Run(PythonProcess python, string app, Action<TestServer> client, Settings? settings = null)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var wake = new TcpClient();
        wake.Connect((IPEndPoint)listener.LocalEndpoint);
        using var other = listener.AcceptTcpClient();
        settings = (settings ?? new Settings()) with { Listen = ["127.0.0.1:0"], Threads = 1 };
        using var log = new Mailbox((int)wake.Client.Handle);
        var test = python.Do(() =>
        {
            using var application = Py.Evaluate(app);
            var opened = new TestServer(Server.Open(settings, null, new Dictionary<string, string>(), null, interpreter ??= Interpreter.Create(), application, log));
            opened.server.Start();
            return opened;
        });
        var working = python.Begin(test.server.Work);
        try
        {
            client(test);
        }
        finally
        {
            test.server.Stop(graceful: true);
            Assert.True(working.Wait(TimeSpan.FromSeconds(40)), "The worker did not come home");
            python.Do(test.server.Dispose);
        }

        return [.. log.Take().Where(entry => entry.Event != LogEvent.QueueDepth)];
    }
}
