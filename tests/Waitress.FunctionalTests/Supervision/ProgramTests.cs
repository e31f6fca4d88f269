using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>--pid, --chdir, --pythonpath, --umask, --user and --group, with a supervisor and without.</summary>
public sealed class ProgramTests
{
    private const string Who = """
        import os

        def app(environ, start_response):
            mask = os.umask(0)
            os.umask(mask)
            seen = [os.getuid(), os.getgid(), os.geteuid(), mask, os.environ.get("USER"), os.getcwd(), sorted(os.getgroups())]
            body = repr(seen).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        """;

    public static TheoryData<string> Kinds => ["--worker-class=thread", "--worker-class=process"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Pid_OfARunningServer_IsKeptAndRemovedAtTheEnd(string kind)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("server.pid");
        await using (var server = await PythonServer.StartAsync("hello:app", [kind, "--pid=" + path]))
        {
            var told = string.Create(CultureInfo.InvariantCulture, $"{server.Process.Id}\n");
            Assert.Equal(told, await File.ReadAllTextAsync(path));
            var second = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", kind, "--pid=" + path, "hello:app"]);
            Assert.Equal(1, second.Code);
            Assert.Contains($"belongs to the running process {server.Process.Id}", second.ErrorText, StringComparison.Ordinal);
            Assert.Equal(told, await File.ReadAllTextAsync(path));
            await server.AssertServesAsync();
            Assert.Equal(0, await server.StopAsync());
        }

        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Pid_OfAServerThatWasKilled_IsReplaced()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("server.pid");
        await using (var killed = await PythonServer.StartAsync("hello:app", ["--pid=" + path]))
        {
            killed.Process.Signal(PythonProcess.Sigkill);
            await killed.Process.ExitAsync();
        }

        Assert.True(File.Exists(path));
        await using var server = await PythonServer.StartAsync("hello:app", ["--pid=" + path]);
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{server.Process.Id}\n"), await File.ReadAllTextAsync(path));
    }

    [Fact]
    public async Task Pid_WhenTheAppCanNotBeImported_IsRemoved()
    {
        using var folder = new TemporaryFolder();
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", "--pid=" + folder.File("x"), "broken_import:app"]);
        Assert.Equal(1, ended.Code);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Folders_Stated_AreWhereTheAppIsFound(string kind)
    {
        using var folder = new TemporaryFolder();
        folder.Write("start/readme", "");
        folder.Write("start/place/lib/tool.py", "name = 'tool'\n");
        folder.Write("start/place/who.py", "import tool\n" + Who);
        await using var server = await PythonServer.StartAsync(
            "who:app", [kind, "--chdir=place", "--pythonpath=lib", "--umask=027", "--pid=server.pid"], folder: folder.File("start"));
        Assert.True(File.Exists(folder.File("start/place/server.pid")));
        using var client = await server.ConnectAsync();
        var seen = (await client.GetAsync("/")).Text;
        Assert.Contains($", 23, ", seen, StringComparison.Ordinal); // 0o27
        Assert.Contains("/start/place'", seen, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Faults_OfTheProgram_AreToldTogetherWithCodeTwo(string kind)
    {
        var ended = await PythonProcess.RunAsync(
            ["-m", "waitress", "--listen=127.0.0.1:0", kind, "--chdir=/no/such", "--user=nobody-at-all", "--group=no-group", "hello:app"]);
        Assert.Equal(2, ended.Code);
        foreach (var part in new[] { "/no/such is not a folder", "there is no user 'nobody-at-all'", "there is no group 'no-group'" })
        {
            Assert.Contains(part, ended.ErrorText, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Daemon_Asked_IsRefusedWithTheAdvice()
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--daemon", "hello:app"]);
        Assert.Equal(2, ended.Code);
        Assert.Contains("docs/deployment.md", ended.ErrorText, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Pythons.Repository, "docs", "deployment.md")));
    }

    /// <summary>As root the change is real, and the app and its unix socket are nobody's; as anybody else it must be refused.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task User_Nobody_RunsTheAppOrIsRefused(string kind)
    {
        if (Environment.UserName != "root")
        {
            var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", kind, "--user=nobody", "hello:app"]);
            Assert.Equal(2, ended.Code);
            Assert.Contains("only root may become another user", ended.ErrorText, StringComparison.Ordinal);
            return;
        }

        using var folder = new TemporaryFolder();
        var python = await ReadableAsync(folder);
        folder.Write("app/who.py", Who);
        var socket = folder.File("s");
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(
            ["-m", "waitress", "--unix-socket=" + socket, kind, "--user=nobody", "--pid=" + folder.File("pid"), "who:app"],
            python, new Dictionary<string, string> { ["PYTHONPATH"] = folder.File("package") }, folder.File("app")));
        using var client = await server.ConnectAsync();
        var seen = (await client.GetAsync("/")).Text;
        var nobody = (await PythonProcess.RunAsync(["-c", "import pwd; print(*pwd.getpwnam('nobody')[2:4])"])).Output[0].Split(' ');
        Assert.StartsWith($"[{nobody[0]}, {nobody[1]}, {nobody[0]}, ", seen, StringComparison.Ordinal);
        Assert.Contains("'nobody'", seen, StringComparison.Ordinal);
        Assert.DoesNotContain(", [0", seen, StringComparison.Ordinal); // none of root's groups
        var owner = await PythonProcess.RunAsync(["-c", $"import os; print(os.stat({Quote(socket)}).st_uid)"]);
        Assert.Equal(nobody[0], owner.Output[0]);
        Assert.Equal(0, await server.StopAsync());

        // The folder is root's. With a supervisor, which stays root, nothing is left in it.
        if (kind == "--worker-class=process")
        {
            Assert.Empty(Directory.GetFiles(folder.Path));
        }
        else
        {
            Assert.Equal("", await File.ReadAllTextAsync(folder.File("pid")));
        }
    }

    /// <summary>A copy of the package that any user may read, in a folder that any user may enter; the interpreter for it.</summary>
    private static async Task<string> ReadableAsync(TemporaryFolder folder)
    {
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101);
        var done = await PythonProcess.RunAsync(["-c", $"""
            import os, shutil, sys, waitress
            shutil.copytree(os.path.dirname(waitress.__file__), {Quote(folder.File("package/waitress"))}, ignore=shutil.ignore_patterns("*.dbg", "__pycache__"))
            print(sys._base_executable)
            """]);
        Assert.True(done.Code == 0, done.ErrorText);
        return done.Output[0];
    }

    private static string Quote(string text) => $"'{text}'";
}
