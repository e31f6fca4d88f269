using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Logging;

/// <summary>--log-level, --log-format, --log-file, --log-syslog and --log-journal, for the entries of the server itself.</summary>
public sealed class ServerLogTests
{
    public static TheoryData<string> Kinds => ["--worker-class=thread", "--worker-class=process"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Json_OnStandardError_IsAnObjectPerLineOfEveryProcess(string kind)
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("s");
        await using var process = PythonProcess.Start(["-m", "waitress", "--unix-socket=" + socket, kind, "--workers=1", "--log-format=json", "suite:app"]);
        await process.Errors.FirstAsync(line => line.Contains("\"Serving on http://unix:", StringComparison.Ordinal)).Within("it serves");
        using (var client = await RawClient.ConnectAsync(new UnixDomainSocketEndPoint(socket)))
        {
            Assert.Equal(500, (await client.GetAsync("/mistake/before")).Status);
        }

        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());
        var entries = process.Errors.Lines.Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        var failed = Assert.Single(entries, entry => entry.TryGetProperty("exception", out _));
        Assert.Equal(("ERROR", "waitress"), (failed.GetProperty("level").GetString(), failed.GetProperty("logger").GetString()));
        Assert.Contains("Traceback", failed.GetProperty("exception").GetString(), StringComparison.Ordinal);
        Assert.Equal(kind.EndsWith("process", StringComparison.Ordinal) ? "1" : null, failed.GetProperty("worker").GetString());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task File_AndLevel_TakeTheEntriesAndReopen(string kind)
    {
        using var folder = new TemporaryFolder();
        var (log, socket) = (folder.File("server.log"), folder.File("s"));
        await using var process = PythonProcess.Start(
            ["-m", "waitress", "--unix-socket=" + socket, kind, "--workers=1", "--log-level=info", "--log-file=" + log, "suite:app"]);
        await ServingAsync(log, process);
        using (var client = await RawClient.ConnectAsync(new UnixDomainSocketEndPoint(socket)))
        {
            Assert.Equal(500, (await client.GetAsync("/mistake/before")).Status);
        }

        await Deadline.Until(() => File.ReadAllText(log).Contains("Traceback", StringComparison.Ordinal), "the exception is in the file");
        File.Move(log, log + ".1");
        process.Signal(PythonProcess.Sigusr1);
        await Deadline.Until(() => File.Exists(log) && File.ReadAllText(log).Contains("opened anew", StringComparison.Ordinal), "the file is made anew");
        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());
        Assert.Empty(process.Errors.Entries());
    }

    [Fact]
    public async Task Level_OfErrors_LeavesTheRestOut()
    {
        using var folder = new TemporaryFolder();
        var socket = folder.File("s");
        await using var process = PythonProcess.Start(["-m", "waitress", "--unix-socket=" + socket, "--log-level=error", "hello:app"]);
        await Deadline.Until(() => Listens(socket), "it listens");
        using (var client = await RawClient.ConnectAsync(new UnixDomainSocketEndPoint(socket)))
        {
            // Before the answer it may listen without having signals in hand, and no log line tells.
            Assert.Equal(200, (await client.GetAsync("/")).Status);
        }

        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());
        Assert.Empty(process.Errors.Lines);
    }

    [Fact]
    public async Task SetUpOfTheApp_WithoutOptions_Rules()
    {
        await using var server = await PythonServer.StartAsync("logged:app", ["--access-logfile=/dev/null"]);
        Assert.Contains("OWN INFO waitress Serving on", server.Log.Text, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Syslog_OfEveryProcess_GetsTheEntries(string kind)
    {
        using var folder = new TemporaryFolder();
        using var syslog = Receiver(folder.File("log"));
        var socket = folder.File("s");
        await using var process = PythonProcess.Start(
            ["-m", "waitress", "--unix-socket=" + socket, kind, "--workers=1", "--log-syslog=" + folder.File("log"), "suite:app"]);
        await UntilAsync(syslog, text => text.StartsWith("<30>", StringComparison.Ordinal) && text.Contains("Serving on http://unix:", StringComparison.Ordinal));
        using (var client = await RawClient.ConnectAsync(new UnixDomainSocketEndPoint(socket)))
        {
            Assert.Equal(500, (await client.GetAsync("/mistake/before")).Status);
        }

        await UntilAsync(syslog, text => text.StartsWith("<27>", StringComparison.Ordinal) && text.Contains("Traceback", StringComparison.Ordinal));
        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());
        Assert.DoesNotContain("Serving on", process.Errors.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Journal_StoodInFor_GetsNativeEntries()
    {
        using var folder = new TemporaryFolder();
        using var journal = Receiver(folder.File("journal"));
        var program = $"import sys; from waitress import _logging, runner; _logging.JOURNAL = '{folder.File("journal")}'; sys.exit(runner.run(['waitress-serve', *sys.argv[1:]]))";
        await using var process = PythonProcess.Start(["-c", program, "--unix-socket=" + folder.File("s"), "--log-journal", "hello:app"]);
        var entry = await UntilAsync(journal, text => text.StartsWith("MESSAGE=Serving on", StringComparison.Ordinal));
        Assert.Contains("\nPRIORITY=6\n", entry, StringComparison.Ordinal);
        Assert.Contains("\nSYSLOG_IDENTIFIER=waitress\n", entry, StringComparison.Ordinal);
        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());
    }

    private static async Task ServingAsync(string log, PythonProcess process) => await Deadline.Until(
        () => process.HasExited || (File.Exists(log) && File.ReadAllText(log).Contains("Serving on", StringComparison.Ordinal)), "it serves");

    private static Socket Receiver(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static bool Listens(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<string> UntilAsync(Socket receiver, Func<string, bool> wanted)
    {
        var buffer = new byte[65_536];
        while (true)
        {
            var length = await receiver.ReceiveAsync(buffer).Within("a datagram that is wanted");
            if (Encoding.UTF8.GetString(buffer, 0, length) is var text && wanted(text))
            {
                return text;
            }
        }
    }
}
