using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>What a container does to a program: it is process 1, or a shell is before it.</summary>
public sealed class ContainerTests
{
    public static TheoryData<string> Kinds => ["--worker-class=thread", "--worker-class=process"];

    /// <summary>Where the system lets nobody make a process namespace, that refusal is what is seen.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Process1_Sigterm_EndsWithCodeZero(string kind)
    {
        string[] space = Environment.UserName == "root" ? [] : ["--user", "--map-root-user"];
        space = [.. space, "--pid", "--fork", "--mount-proc"];
        var tried = await PythonProcess.RunAsync([.. space, "true"], "unshare");
        if (tried.Code != 0)
        {
            Assert.Contains("unshare", tried.ErrorText, StringComparison.Ordinal);
            return;
        }

        using var folder = new TemporaryFolder();
        var pidFile = folder.File("pid");
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(
            [.. space, Pythons.First, "-m", "waitress", "--listen=127.0.0.1:0", kind, "--pid=" + pidFile, "suite:app"], "unshare"));
        Assert.Equal("1\n", await File.ReadAllTextAsync(pidFile));
        await server.AssertServesAsync();
        await PythonProcess.RunAsync(["-c", $"import os; os.kill({await OnlyChildAsync(server.Process.Id)}, 15)"]);
        Assert.Equal(0, await server.Process.ExitAsync());
        Assert.False(File.Exists(pidFile));
    }

    [Fact]
    public async Task Process1_WithASupervisor_ReapsTheOrphansOfTheApp()
    {
        string[] space = Environment.UserName == "root" ? [] : ["--user", "--map-root-user"];
        space = [.. space, "--pid", "--fork", "--mount-proc"];
        var tried = await PythonProcess.RunAsync([.. space, "true"], "unshare");
        if (tried.Code != 0)
        {
            Assert.Contains("unshare", tried.ErrorText, StringComparison.Ordinal);
            return;
        }

        using var folder = new TemporaryFolder();
        folder.Write("orphan.py", """
            import subprocess

            def app(environ, start_response):
                # The shell ends at once; what it leaves in the background is process 1's from then on, and ends a moment later.
                subprocess.run(["sh", "-c", "sleep 0.1 & echo"], stdout=subprocess.DEVNULL)
                start_response("200 OK", [("Content-Length", "0")])
                return []
            """);
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(
            [.. space, Pythons.First, "-m", "waitress", "--listen=127.0.0.1:0", "--worker-class=process", "--workers=1", "orphan:app"],
            "unshare", folder: folder.Path));
        var first = await OnlyChildAsync(server.Process.Id);
        using var client = await server.ConnectAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            Assert.Equal(200, (await client.GetAsync("/")).Status);
        }

        await Deadline.Until(() => Children(first).Count() == 1, "the worker is the only child of process 1");
        await PythonProcess.RunAsync(["-c", $"import os; os.kill({first}, 15)"]);
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Theory]
    [InlineData("exec \"$0\" \"$@\"")]
    [InlineData("true; exec \"$0\" \"$@\"")]
    public async Task Shell_Sigterm_ReachesTheServer(string script)
    {
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(
            ["-c", script, Pythons.First, "-m", "waitress", "--listen=127.0.0.1:0", "--worker-class=process", "--workers=1", "suite:app"], "/bin/sh"));
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain("Traceback", server.Log.Text, StringComparison.Ordinal);
    }

    private static async Task<int> OnlyChildAsync(int parent)
    {
        var children = Children(parent).ToList();
        await Deadline.Until(() => (children = [.. Children(parent)]).Count == 1, "unshare has its one child");
        return children[0];
    }

    private static IEnumerable<int> Children(int parent) =>
        File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{parent}/task/{parent}/children"))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => int.Parse(text, CultureInfo.InvariantCulture));
}
