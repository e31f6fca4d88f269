using System.Diagnostics;
using System.Text.Json;

namespace Waitress.FunctionalTests.Harness;

/// <summary>Programs from elsewhere that talk to a server under test: curl, openssl, h2load, and our client of HTTP/2 frames.</summary>
internal static class Tool
{
    // Debian's, for which the packages of eng/install-test-deps are.
    private const string SystemPython = "/usr/bin/python3";

    /// <summary>Runs to the end.</summary>
    public static async Task<Ran> RunAsync(string program, IEnumerable<string> arguments, string input = "")
    {
        var start = new ProcessStartInfo(program)
        {
            WorkingDirectory = Pythons.Apps,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync().WaitAsync(Deadline.Wait * 2);
            return new Ran(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    public static Task<Ran> CurlAsync(params string[] arguments) => RunAsync("curl", ["-sS", "--max-time", "40", .. arguments]);

    /// <summary>A case of tests/apps/http2_client.py; its last line.</summary>
    public static async Task<JsonElement> Http2Async(PythonServer server, params string[] arguments)
    {
        var ran = await RunAsync(SystemPython, ["http2_client.py", "127.0.0.1", server.PortText, .. arguments]);
        Assert.True(ran.Code == 0, ran.Errors);
        return JsonDocument.Parse(ran.Output.Trim().Split('\n')[^1]).RootElement.Clone();
    }

    /// <summary>The same, left running.</summary>
    public static PythonProcess StartHttp2(PythonServer server, params string[] arguments) =>
        PythonProcess.Start(["http2_client.py", "127.0.0.1", server.PortText, .. arguments], SystemPython);

    internal sealed record Ran(int Code, string Output, string Errors);
}
