using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Threads;

/// <summary>Python's debugging aids with .NET in the process, which has a handler for SIGSEGV of its own.</summary>
public sealed class DebuggingTests
{
    private const int Segfault = 128 + 11, Aborted = 128 + 6;

    /// <summary>faulthandler on before the engine is loaded (-X), and after it.</summary>
    public static TheoryData<string, bool> Crashes
    {
        get
        {
            var rows = new TheoryData<string, bool>();
            foreach (var python in Pythons.Installed)
            {
                rows.Add(python, true);
                rows.Add(python, false);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Crashes))]
    public async Task Segfault_WithFaulthandler_ShowsThePythonStackAndEndsTheProcess(string python, bool early)
    {
        foreach (var (path, code, words) in new[] { ("/segfault", Segfault, "Segmentation fault"), ("/abort", Aborted, "Aborted") })
        {
            await using var server = await StartAsync(python, early);
            using var client = await server.ConnectAsync();
            await client.SendAsync($"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
            Assert.Equal(code, await server.Process.ExitAsync());
            Assert.Contains("Fatal Python error: " + words, server.Log.Text, StringComparison.Ordinal);
            Assert.Contains("in innocent_name", server.Log.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task DumpTracebackLater_InARequest_ShowsTheThreads()
    {
        await using var server = await StartAsync(Pythons.First, early: true);
        using var client = await server.ConnectAsync();
        Assert.Contains("in innocent_name", (await client.GetAsync("/later")).Text, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
    }

    [Theory]
    [InlineData("trace", "True [('call', 0), ('line', 1), ('line', 2), ('return', 2)]")]
    [InlineData("profile", "call return 2")]
    [InlineData("tracemalloc", "True")]
    public async Task Observers_OfTheThreads_SeeTheApp(string kind, string seen)
    {
        foreach (var python in Pythons.Installed)
        {
            var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "observed.py"), kind], python);
            Assert.True(ended.Code == 0, $"{python}: exit code {ended.Code}:\n{ended.ErrorText}");
            Assert.Equal((python, seen), (python, ended.OutputText));
        }
    }

    private static Task<PythonServer> StartAsync(string python, bool early) => PythonServer.ReadyAsync(PythonProcess.Start(
        [.. early ? ["-X", "faulthandler"] : Array.Empty<string>(), "-m", "waitress", "--listen=127.0.0.1:0", "crash:app"], python,
        new Dictionary<string, string> { ["ENABLE_FAULTHANDLER"] = early ? "" : "1" }));
}
