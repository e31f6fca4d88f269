using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.CPython.Tests.Harness;
using Waitress.Telemetry;
using Waitress.Wsgi;

namespace Waitress.CPython.Tests;

[Collection(nameof(PythonProcess))]
public sealed class ServerTests(PythonProcess python)
{
    [Fact]
    public void Open_ServerCanNotBeMade_LeavesNoSocket()
    {
        var folder = Directory.CreateTempSubdirectory("w").FullName;
        var path = Path.Combine(folder, "s");
        using var wake = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var log = new Mailbox((int)wake.Handle);
        python.Do(() =>
        {
            Py.Execute("import waitress._wsgi as side; kept = side.log_failure; del side.log_failure");
            try
            {
                var thrown = Assert.Throws<PythonException>(() => Open(path, log));
                Assert.Contains("log_failure", thrown.Message, StringComparison.Ordinal);
            }
            finally
            {
                Py.Execute("side.log_failure = kept");
            }
        });
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        Directory.Delete(folder);
    }

    private static void Open(string path, Mailbox log)
    {
        using var app = Py.Evaluate("len");
        Server.Open(new Settings { UnixSocket = path, ListenStated = true }, null, new Dictionary<string, string>(), null, Interpreter.Create(), app, log).Dispose();
    }
}
