using System.Diagnostics;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Supervision;

namespace Waitress.FunctionalTests.Logging;

/// <summary>The real logrotate, under load of two workers that share the file: no line is lost, none is written twice.</summary>
public sealed class RotationTests
{
    private const int Rotations = 3;

    [Theory]
    [InlineData("create")]
    [InlineData("create", "postrotate")]
    [InlineData("nocreate")]
    [InlineData("copytruncate")]
    public async Task Logrotate_UnderLoad_LosesAndDoublesNoLine(params string[] words)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("access.log");
        await using var server = await PythonServer.StartAsync(
            "supervised:app", ["--worker-class=process", "--workers=2", "--threads=2", "--access-logfile=" + path, "--access-logformat=common"]);
        await WorkerProcesses.ServingAsync(server, 2);
        var script = words.Contains("postrotate") ? $"  postrotate\n    kill -USR1 {server.Process.Id}\n  endscript\n" : "";
        var configuration = folder.Write("logrotate.conf", $"{path} {{\n  rotate 20\n  {words[0]}\n{script}}}\n");
        var count = 0;
        await using (var load = new SteadyLoad(server, clients: 8))
        {
            await Deadline.Until(() => load.Answers.Count == 2, "both workers answer");
            for (var round = 0; round < Rotations; round++)
            {
                await load.MoreAsync(400);
                await RotateAsync(configuration, folder.File("state"));

                // A rotation that comes before the file is there again would find nothing to rotate.
                await Deadline.Until(() => File.Exists(path) && new FileInfo(path).Length > 0, "the file is written again");
            }

            await load.MoreAsync(100);
            await load.EndWithoutFailureAsync();
            count = load.Count;
        }

        Assert.Equal(0, await server.StopAsync());
        var files = Directory.GetFiles(folder.Path, "access.log*");
        Assert.Equal(Rotations + 1, files.Length);
        AccessLines.AssertEachOnce([.. files.SelectMany(WholeLines)], count);
    }

    // A copy may end within a line, which is then written again, whole, to the file.
    private static IEnumerable<string> WholeLines(string path)
    {
        var text = File.ReadAllText(path);
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static async Task RotateAsync(string configuration, string state)
    {
        var start = new ProcessStartInfo("/usr/sbin/logrotate", ["--force", "--state", state, configuration]) { RedirectStandardError = true };
        using var logrotate = Process.Start(start)!;
        var told = await logrotate.StandardError.ReadToEndAsync().Within("logrotate ends");
        await logrotate.WaitForExitAsync().Within("logrotate ends");
        Assert.True(logrotate.ExitCode == 0, told);
    }
}
