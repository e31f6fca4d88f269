using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Clients;

/// <summary>slowhttptest against a server of this machine, and what it has counted in the end.</summary>
internal sealed partial class SlowHttp : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _output;

    private SlowHttp(Process process)
    {
        _process = process;
        _output = process.StandardOutput.ReadToEndAsync();
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Ends by itself after ten seconds, or when the server has closed all connections.</summary>
    public static SlowHttp Start(PythonServer server, string target, int connections, int perSecond, params string[] mode)
    {
        var start = new ProcessStartInfo(Find()) { RedirectStandardOutput = true };
        string[] arguments =
        [
            .. mode, "-c", Text(connections), "-r", Text(perSecond), "-l", "10", "-p", "10",
            "-u", $"http://127.0.0.1:{server.PortText}{target}",
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return new SlowHttp(Process.Start(start)!);
    }

    /// <summary>Connections that it has had open or seen closed by the server, at its last count of those while it ran.</summary>
    public async Task<int> ConnectionsAsync()
    {
        await _process.WaitForExitAsync().Within("slowhttptest ends");
        var text = await _output;
        return Counts().Matches(text).Select(match => int.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture)).Chunk(2)
            .Select(pair => pair.Sum()).DefaultIfEmpty(0).Max();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync().Within("slowhttptest ends");
        }

        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Find() =>
        Array.Find(["/usr/bin/slowhttptest", "/usr/local/bin/slowhttptest", "/opt/homebrew/bin/slowhttptest"], File.Exists)
        ?? throw new InvalidOperationException("slowhttptest is not installed; on Debian: apt-get install slowhttptest");

    // Each with colours in between; "connected" comes before "closed".
    [GeneratedRegex(@"(connected|closed):\D*?(\x1b\[[\d;]*m)*\s*(\x1b\[[\d;]*m)*(?<count>\d+)")]
    private static partial Regex Counts();
}
