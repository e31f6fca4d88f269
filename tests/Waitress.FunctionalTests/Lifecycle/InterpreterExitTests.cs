using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>The end of a server and of the interpreter, whatever the app's threads do at that moment, on every Python.</summary>
public sealed class InterpreterExitTests
{
    public static TheoryData<string, string> StuckKinds
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var python in Pythons.Installed)
            {
                foreach (var kind in new[] { "busy", "waking", "asleep" })
                    rows.Add(python, kind);
            }

            return rows;
        }
    }

    /// <summary>What a careful user runs his tests with: -X dev checks memory blocks, warnings are errors.</summary>
    public static TheoryData<string, string> StrictModes
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var python in Pythons.Installed)
            {
                foreach (var mode in new[] { "-Xdev -Werror", "-OO", "PYTHONMALLOC=debug" })
                    rows.Add(python, mode);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(StuckKinds))]
    public async Task Exit_WithThreadsStuckInTheApp_IsClean(string python, string kind)
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "stuck.py"), kind], python);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.OutputText}\n{ended.ErrorText}");
        Assert.Contains("2 request(s) were still running after graceful_timeout (1 s)", ended.OutputText, StringComparison.Ordinal);
        Assert.Contains("2 thread(s) still running: waitress-", ended.OutputText, StringComparison.Ordinal);
        Assert.Equal("atexit", ended.Output.Last(line => line.Length > 0));
        Assert.Equal("", ended.ErrorText.Trim());
    }

    [Theory]
    [MemberData(nameof(Pythons.Each), MemberType = typeof(Pythons))]
    public async Task App_ComingBackAfterItsServerHasClosed_DoesNoHarm(string python)
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "stuck.py"), "late"], python);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.OutputText}\n{ended.ErrorText}");
        Assert.Contains("5 thread(s) still running", ended.OutputText, StringComparison.Ordinal);
        Assert.Contains("ValueError: late", ended.Output);
        Assert.Contains("left ['MainThread']", ended.Output);
    }

    [Fact]
    public async Task Serve_AHundredTimes_LeavesNothingBehind()
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", "serve_many.py")]);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.ErrorText}");
        Assert.Equal(["threads 0 descriptors 0", "system threads True", "memory True"], ended.Output.Where(line => line.Length > 0));
    }

    [Theory]
    [MemberData(nameof(StrictModes))]
    public async Task Server_InAStrictInterpreter_SaysNothing(string python, string mode)
    {
        var options = mode.StartsWith('-') ? mode.Split(' ') : [];
        var environment = mode.Split('=') is [var name, var value] && options.Length == 0 ? new Dictionary<string, string> { [name] = value } : null;
        await using var server = await PythonServer.ReadyAsync(
            PythonProcess.Start([.. options, "-m", "waitress", "--listen=127.0.0.1:0", "suite:app"], python, environment));
        using var client = await server.ConnectAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
            var body = Pattern.Bytes(1_000_000);
            await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {body.Length}\r\n\r\n");
            await client.SendAsync(body);
            Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
            Assert.Equal(300_000, (await client.GetAsync("/file?size=300000&kind=real")).Body.Length);
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Entries(), line => !line.StartsWith("INFO:waitress:", StringComparison.Ordinal));
    }
}
