using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Logging;

/// <summary>--access-logfile and --access-logformat, as an operator meets them.</summary>
public sealed class AccessLogTests
{
    private static readonly string[] TwoProcesses = ["--worker-class=process", "--workers=2", "--threads=2"];

    [Fact]
    public async Task StandardOutput_GetsALinePerRequestRefusedOnesToo()
    {
        await using var server = await PythonServer.StartAsync("hello:app", ["--access-logfile=-"]);
        using (var client = await server.ConnectAsync())
        {
            Assert.Equal(200, (await client.RequestAsync("GET /a?b HTTP/1.1\r\nHost: x\r\nUser-Agent: one \"two\"\r\n\r\n")).Status);
        }

        using (var client = await server.ConnectAsync())
        {
            Assert.Equal(400, (await client.RequestAsync("GET / HTTP/1.1\r\n\r\n")).Status);
        }

        Assert.Equal(0, await server.StopAsync());
        var lines = server.Process.Output.Lines;
        Assert.Equal(2, lines.Count);
        Assert.Matches(@"^127\.0\.0\.1 - - \[[^]]+\] ""GET /a\?b HTTP/1\.1"" 200 14 ""-"" ""one \\x22two\\x22""$", lines[0]);
        Assert.Matches(@"^127\.0\.0\.1 - - \[[^]]+\] ""-"" 400 - ""-"" ""-""$", lines[1]);
    }

    [Fact]
    public async Task Json_OfWorkers_TellsTheWorkerAndItsTimes()
    {
        using var folder = new TemporaryFolder();
        await using var server = await PythonServer.StartAsync(
            "supervised:app", ["--supervise", "--access-logfile=" + folder.File("log"), "--access-logformat=json"]);
        using (var client = await server.ConnectAsync())
        {
            Assert.Equal(200, (await client.GetAsync("/slow")).Status);
        }

        Assert.Equal(0, await server.StopAsync());
        using var line = JsonDocument.Parse(Assert.Single(await File.ReadAllLinesAsync(folder.File("log"))));
        var root = line.RootElement;
        Assert.Equal(("/slow", 200, "1"), (root.GetProperty("target").GetString(), root.GetProperty("status").GetInt32(), root.GetProperty("worker").GetString()));
        Assert.InRange(root.GetProperty("app_us").GetInt64(), 200_000, 60_000_000); // it sleeps for 0.2 s
        Assert.InRange(root.GetProperty("duration_us").GetInt64(), root.GetProperty("app_us").GetInt64(), 120_000_000);
        Assert.InRange(root.GetProperty("queue_us").GetInt64(), 0, 60_000_000);
        Assert.InRange(root.GetProperty("gil_us").GetInt64(), 0, 60_000_000);
    }

    [Fact]
    public async Task File_OfSeveralWorkers_HasEachLineWholeAndOnce()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("access.log");
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--access-logfile=" + path, "--access-logformat=common"]);
        await WorkerProcesses.ServingAsync(server, 2);
        var count = 0;
        await using (var load = new SteadyLoad(server, clients: 8))
        {
            await load.UntilAsync(1500);
            await Deadline.Until(() => load.Answers.Count == 2, "both workers answer");
            await load.EndWithoutFailureAsync();
            count = load.Count;
        }

        Assert.Equal(0, await server.StopAsync());
        AccessLines.AssertEachOnce(await File.ReadAllLinesAsync(path), count);
    }

    [Theory]
    [InlineData("--worker-class=thread")]
    [InlineData("--worker-class=process")]
    public async Task Usr1_AfterAMove_MakesTheFileAnew(string kind)
    {
        using var folder = new TemporaryFolder();
        var access = folder.File("access.log");
        await using var server = await PythonServer.StartAsync("supervised:app", [kind, "--access-logfile=" + access]);
        using var client = await server.ConnectAsync();
        Assert.Equal(200, (await client.GetAsync("/?name=before")).Status);
        await Deadline.Until(async () => (await File.ReadAllTextAsync(access)).Contains("before", StringComparison.Ordinal), "the line is there");
        File.Move(access, folder.File("access.log.1"));
        server.Process.Signal(PythonProcess.Sigusr1);
        await server.Log.FirstAsync(line => line.Contains("Log files are opened anew", StringComparison.Ordinal)).Within("the signal is told");
        await Deadline.Until(() => File.Exists(access), "the file is there again");
        Assert.Equal(200, (await client.GetAsync("/?name=after")).Status);
        Assert.Equal(0, await server.StopAsync());
        Assert.Contains("?name=before ", await File.ReadAllTextAsync(folder.File("access.log.1")), StringComparison.Ordinal);
        var line = Assert.Single(await File.ReadAllLinesAsync(access));
        Assert.Contains("?name=after ", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reopen_ByWaitressCtl_IsDoneWhenItAnswers()
    {
        using var folder = new TemporaryFolder();
        var (access, control) = (folder.File("access.log"), folder.File("control/s"));
        Directory.CreateDirectory(folder.File("control"));
        File.SetUnixFileMode(folder.File("control"), (UnixFileMode)0b111_000_000);
        await using var server = await PythonServer.StartAsync("supervised:app", [.. TwoProcesses, "--access-logfile=" + access, "--control-socket=" + control]);
        await WorkerProcesses.ServingAsync(server, 2);
        await using (var load = new SteadyLoad(server))
        {
            await Deadline.Until(() => load.Answers.Count == 2, "both workers answer");
            File.Move(access, folder.File("access.log.1"));
            var done = await PythonProcess.RunAsync(["-m", "waitress.ctl", "reopen", "--socket", control]);
            Assert.True(done.Code == 0, done.ErrorText);
            var length = new FileInfo(folder.File("access.log.1")).Length;
            await load.MoreAsync(100);
            Assert.Equal(length, new FileInfo(folder.File("access.log.1")).Length);
            await load.EndWithoutFailureAsync();
            Assert.Equal(0, await server.StopAsync());
            AccessLines.AssertEachOnce([.. await File.ReadAllLinesAsync(folder.File("access.log.1")), .. await File.ReadAllLinesAsync(access)], load.Count);
        }
    }

    [Fact]
    public async Task StandardOutput_ThatNobodyReads_HoldsUpNobody()
    {
        using var folder = new TemporaryFolder();
        var pipe = folder.File("pipe");
        using (var made = Process.Start("mkfifo", [pipe]))
        {
            await made.WaitForExitAsync();
        }

        // Open, and never read.
        await using var reader = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        string[] command = [Pythons.First, "-m", "waitress", "--listen=127.0.0.1:0", "--threads=2", "--access-logfile=-", "hello:app"];
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(["-c", $"exec \"$0\" \"$@\" >'{pipe}'", .. command], "/bin/sh"));
        using (var client = await server.ConnectAsync())
        {
            // Lines of 30 KB: the pipe takes 64 KiB, the queue 4 MiB; then they are lost, and that is told.
            var target = "/" + new string('"', 7000);
            var lost = server.Log.FirstAsync(line => line.Contains("for the access log have been lost", StringComparison.Ordinal));
            for (var i = 0; i < 2000 && !lost.IsCompleted; i++)
            {
                Assert.Equal(200, (await client.GetAsync(target)).Status);
            }

            Assert.Contains("standard output does not take them", await lost.Within("the loss is told"), StringComparison.Ordinal);
            Assert.Equal(200, (await client.GetAsync("/")).Status);
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.Contains("the stop does not wait longer", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disk_ThatIsFull_IsToldAndServed()
    {
        await using var server = await PythonServer.StartAsync("hello:app", ["--access-logfile=/dev/full"]);
        await server.AssertServesAsync();
        await server.Log.FirstAsync(line => line.Contains("The access log /dev/full can't be written: No space left on device", StringComparison.Ordinal))
            .Within("the full disk is told");
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
        Assert.Contains("2 line(s) for the access log have been lost", server.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--worker-class=thread")]
    [InlineData("--worker-class=process")]
    public async Task Logs_ThatCanNotBe_AreToldTogetherWithCodeTwo(string kind)
    {
        using var folder = new TemporaryFolder();
        var ended = await PythonProcess.RunAsync(
            ["-m", "waitress", "--listen=127.0.0.1:0", kind, $"--access-logfile={folder.File("none/a.log")}", "--log-file=" + folder.Path, "hello:app"]);
        Assert.Equal(2, ended.Code);
        Assert.Contains($"access_logfile: {folder.File("none/a.log")}: there is no folder", ended.ErrorText, StringComparison.Ordinal);
        Assert.Contains($"log_file: {folder.Path}: it is a folder", ended.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
        ended = await PythonProcess.RunAsync(["-m", "waitress", kind, "--access-logformat=%(h)s %(zz)s", "hello:app"]);
        Assert.Equal(2, ended.Code);
        Assert.Contains("\"%(zz)s\" is not allowed; allowed is common, combined, json", ended.ErrorText, StringComparison.Ordinal);
    }
}

/// <summary>Lines of the access log under <see cref="SteadyLoad"/>, whose requests have a name each.</summary>
internal static class AccessLines
{
    public static void AssertEachOnce(IReadOnlyList<string> lines, int count)
    {
        Assert.All(lines, line => Assert.Matches(@"^127\.0\.0\.1 - - \[[^]]+\] ""GET /\?name=\S+ HTTP/1\.1"" 200 \d+( ""-"" ""-"")?$", line));
        var names = lines.Select(line => line.Split(' ')[6]).ToArray();
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.True(count == names.Length, string.Create(CultureInfo.InvariantCulture, $"{count} answers, {names.Length} lines"));
    }
}
