using System.Collections.Concurrent;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Workers;

/// <summary>Which Pythons have worker class interpreter; those that have not are seen to say so as they should, once each.</summary>
internal static class InterpreterSupport
{
    private static readonly ConcurrentDictionary<string, Task<bool>> Known = new();

    /// <summary>True: this Python is too old, and has said so as it should.</summary>
    public static Task<bool> RefusesAsync(string python, string[] options) => Known.GetOrAdd(python, _ => LookAsync(python, options));

    /// <summary>The first Python that has them; null: none is installed, and each has been seen to say so.</summary>
    public static async Task<string?> FirstAsync(string[] options)
    {
        foreach (var python in Pythons.Installed)
        {
            if (!await RefusesAsync(python, options))
                return python;
        }

        return null;
    }

    public static bool IsFatal(string line) =>
        line.Contains("Fatal Python error", StringComparison.Ordinal) || line.Contains("Fault in the server", StringComparison.Ordinal)
        || line.Contains("Exception ignored", StringComparison.Ordinal) || line.Contains("free(): invalid", StringComparison.Ordinal);

    private static async Task<bool> LookAsync(string python, string[] options)
    {
        var version = await PythonProcess.RunAsync(["-c", "import sys; print(sys.version_info >= (3, 12))"], python);
        if (version.OutputText == "True")
            return false;
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. options, "interpreters:app"], python);
        Assert.Equal(1, ended.Code);
        var error = Assert.Single(ended.Errors, line => line.StartsWith("Error:", StringComparison.Ordinal));
        Assert.StartsWith("Error: worker_class interpreter needs CPython 3.12 or newer, and this is cpython 3.1", error, StringComparison.Ordinal);
        Assert.EndsWith("use worker_class process", error, StringComparison.Ordinal);
        return true;
    }
}
