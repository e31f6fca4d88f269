using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>Servers of a user who is not root, also where the suite is run by root.</summary>
internal static class Unprivileged
{
    /// <summary>A copy of the package that any user may read, in a folder that any user may enter; the interpreter for it.</summary>
    public static async Task<string> PackageAsync(TemporaryFolder folder)
    {
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_101_101);
        var done = await PythonProcess.RunAsync(["-c", $"""
            import os, shutil, sys, waitress
            shutil.copytree(os.path.dirname(waitress.__file__), '{folder.File("package/waitress")}', ignore=shutil.ignore_patterns("*.dbg", "__pycache__"))
            print(sys._base_executable)
            """]);
        Assert.True(done.Code == 0, done.ErrorText);
        return done.Output[0];
    }

    /// <summary>A copy of the app "supervised" in the folder, started by nobody, or by whoever runs the suite when that is not root.</summary>
    public static async Task<PythonServer> StartAsync(TemporaryFolder folder, params string[] options)
    {
        folder.Write("supervised.py", await File.ReadAllTextAsync(Path.Combine(Pythons.Apps, "supervised.py")));
        File.SetUnixFileMode(folder.File("supervised.py"), (UnixFileMode)0b110_100_100);
        if (Environment.UserName != "root")
        {
            return await PythonServer.StartAsync("supervised:app", options, folder: folder.Path);
        }

        var python = await PackageAsync(folder);

        // setpriv becomes the program that it starts, so the process is the supervisor.
        return await PythonServer.ReadyAsync(PythonProcess.Start(
            ["--reuid=nobody", "--regid=nogroup", "--clear-groups", python, "-m", "waitress", "--listen=127.0.0.1:0", .. options, "supervised:app"],
            "setpriv", new Dictionary<string, string> { ["PYTHONPATH"] = folder.File("package"), ["HOME"] = "/nonexistent" }, folder.Path));
    }
}
