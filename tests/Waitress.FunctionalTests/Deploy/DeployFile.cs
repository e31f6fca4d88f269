using System.Diagnostics;
using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Deploy;

/// <summary>A file of deploy/ as a user would install it, with the places of this test in it; and the system's own programs that judge such files.</summary>
internal static class DeployFile
{
    private const string ToJson = "import datetime, json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";

    public static string Path(string name) => System.IO.Path.Combine(Pythons.Repository, "deploy", name);

    public static string Read(string name) => File.ReadAllText(Path(name));

    /// <summary>Replaces each text, which must be there: else the file has changed and the test would run something else.</summary>
    public static string Read(string name, params (string There, string Here)[] places)
    {
        var text = Read(name);
        foreach (var (there, here) in places)
        {
            Assert.True(text.Contains(there, StringComparison.Ordinal), $"deploy/{name} has no \"{there}\"");
            text = text.Replace(there, here, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>The documents of a YAML file, read by Debian's Python.</summary>
    public static async Task<IReadOnlyList<JsonElement>> YamlAsync(string path)
    {
        var (code, output) = await RunAsync("/usr/bin/python3", "-c", ToJson, path);
        Assert.True(code == 0, output);
        return [.. JsonDocument.Parse(output).RootElement.EnumerateArray()];
    }

    /// <summary>Exit code and both streams of a program of the system.</summary>
    public static async Task<(int Code, string Output)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(program)) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["SYSTEMD_COLORS"] = "0";
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().Within($"{program} ends");
        return (process.ExitCode, await output + await errors);
    }

    /// <summary>The program where Debian has it; servers are in sbin, which is not in everybody's path.</summary>
    public static string Find(string program) => System.IO.Path.IsPathRooted(program)
        ? program
        : new[] { "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin" }.Select(folder => System.IO.Path.Combine(folder, program)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"{program} is not installed: run eng/install-test-deps");
}
