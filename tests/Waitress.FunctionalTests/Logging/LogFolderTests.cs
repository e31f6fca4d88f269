using System.Net.Sockets;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Logging;

/// <summary>The folder of the log files goes while the service runs: it serves on, workers that are replaced included, and says so on standard error.</summary>
public sealed class LogFolderTests
{
    [Fact]
    public async Task Folder_ThatHasGone_KeepsNoReplacementFromServing()
    {
        using var folder = new TemporaryFolder();
        var (socket, logs) = (folder.File("s"), folder.File("logs"));
        Directory.CreateDirectory(logs);
        string[] options = ["--access-logfile=" + Path.Combine(logs, "access.log"), "--log-file=" + Path.Combine(logs, "server.log")];
        await using var process = PythonProcess.Start(
            ["-m", "waitress", "--unix-socket=" + socket, "--worker-class=process", "--workers=2", .. options, "supervised:app"]);
        await Deadline.Until(() => process.HasExited || WorkerProcesses.Of(process.Id).Count == 2, "two workers");
        await AskAsync(socket);
        Directory.Delete(logs, recursive: true);
        for (var round = 0; round < 2; round++)
        {
            var victim = WorkerProcesses.Of(process.Id)[0];
            PythonProcess.Send(victim, PythonProcess.Sigkill);
            await Deadline.Until(() => WorkerProcesses.Of(process.Id) is { Count: 2 } now && !now.Contains(victim), $"worker {victim} is replaced");
            await process.Errors.WaitForLog($"(pid {victim}) was killed by SIGKILL");
        }

        // Both are new: whichever answers has found no folder.
        var answered = await AskAsync(socket);
        Assert.Contains(answered, WorkerProcesses.Of(process.Id));
        await process.Errors.WaitForLog("server.log can't be written: No such file or directory; entries go to standard error until it can");
        await process.Errors.WaitForLog("access.log can't be written: ");

        Directory.CreateDirectory(logs);
        await Deadline.Until(async () =>
        {
            await AskAsync(socket);
            return File.Exists(Path.Combine(logs, "access.log")) && new FileInfo(Path.Combine(logs, "access.log")).Length > 0;
        }, "the access log is written again");
        process.Signal(PythonProcess.Sigterm);
        Assert.Equal(0, await process.ExitAsync());

        Directory.Delete(logs, recursive: true);
        var first = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", "--worker-class=process", .. options, "supervised:app"]);
        Assert.Equal(2, first.Code);
        Assert.Equal(2, first.Errors.Count(line => line.Contains("there is no folder", StringComparison.Ordinal)));
    }

    /// <summary>Who answers; connections of a worker that was just killed are tried again.</summary>
    private static async Task<int> AskAsync(string socket)
    {
        var process = 0;
        await Deadline.Until(async () =>
        {
            try
            {
                using var client = await RawClient.ConnectAsync(new UnixDomainSocketEndPoint(socket));
                process = int.Parse((await client.GetAsync("/")).Text.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
                return true;
            }
            catch (Exception e) when (e is SocketException or IOException or TruncatedResponseException)
            {
                return false;
            }
        }, "an answer");
        return process;
    }
}
