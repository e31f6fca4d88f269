using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.CommandLine;

public sealed class CommandLineTests
{
    [Fact]
    public async Task Help_Asked_IsOnOutputWithCodeZero()
    {
        var ended = await RunAsync("--help");
        Assert.Equal(0, ended.Code);
        Assert.Empty(ended.Errors);
        foreach (var option in new[] { "--listen", "--threads", "--unix-socket", "--trusted-proxy", "--[no-]asynchronous", "--graceful-timeout", "--call" })
        {
            Assert.Contains(option, ended.OutputText, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Settings_Bad_AreAllNamedAtOnceWithCodeTwo()
    {
        var ended = await RunAsync("--threads=many", "--port=70000", "--backlog=-1", "--unix-socket-perms=999", "--trusted-proxy-count=2", "hello:app");
        Assert.Equal(2, ended.Code);
        foreach (var name in new[] { "threads", "port", "backlog", "unix.socket.perms", "trusted.proxy.count" })
        {
            Assert.Matches(name, ended.ErrorText);
        }

        AssertNotServing(ended);
    }

    [Theory]
    [InlineData("--nonsense=1")]
    [InlineData("--trusted=1")]
    [InlineData("--threads")] // takes the app's name as its value
    public async Task Options_UnknownAmbiguousOrWithoutValue_AreRefusedByNameWithCodeTwo(string option)
    {
        var ended = await RunAsync("--listen=127.0.0.1:0", option, "hello:app");
        Assert.Equal(2, ended.Code);
        Assert.StartsWith("Usage: ", ended.Errors[0], StringComparison.Ordinal);
        Assert.StartsWith("Error: ", ended.Errors.Last(line => line.Length > 0), StringComparison.Ordinal);
        Assert.Contains(option.Split('=')[0].TrimStart('-'), ended.ErrorText, StringComparison.Ordinal);
        AssertNotServing(ended);
    }

    [Fact]
    public async Task App_NoneOrTwo_IsRefused()
    {
        foreach (var apps in new string[][] { [], ["hello:app", "suite:app"] })
        {
            var ended = await RunAsync(["--listen=127.0.0.1:0", .. apps]);
            Assert.NotEqual(0, ended.Code);
            Assert.StartsWith("Usage: ", ended.Errors[0], StringComparison.Ordinal);
            Assert.Contains("app", ended.Errors.Single(line => line.StartsWith("Error: ", StringComparison.Ordinal)), StringComparison.Ordinal);
            AssertNotServing(ended);
        }
    }

    [Fact]
    public async Task Import_ThatRaises_ShowsTheAppsTracebackAndWhatWasLookedFor()
    {
        var ended = await RunAsync("--listen=127.0.0.1:0", "broken_import:app");
        Assert.Equal(1, ended.Code);
        Assert.Contains("Traceback (most recent call last):", ended.ErrorText, StringComparison.Ordinal);
        Assert.Contains("in fail", ended.ErrorText, StringComparison.Ordinal);
        Assert.Contains("LookupError: no such treasure", ended.ErrorText, StringComparison.Ordinal);
        Assert.StartsWith("Usage: ", ended.Errors[0], StringComparison.Ordinal);
        Assert.Equal(
            "Error: The app 'broken_import:app' could not be imported: LookupError: no such treasure", ended.Errors.Last(line => line.Length > 0));
        AssertNotServing(ended);
    }

    [Theory]
    [InlineData("no_such_module:app", "no_such_module")]
    [InlineData("hello:missing", "missing")]
    [InlineData("hello", "hello")]
    [InlineData("hello:", "hello")]
    public async Task App_NotFoundOrNotCallable_SaysWhatWasLookedForWithoutATraceback(string app, string word)
    {
        var ended = await RunAsync("--listen=127.0.0.1:0", app);
        Assert.Equal(1, ended.Code);
        Assert.StartsWith("Usage: ", ended.Errors[0], StringComparison.Ordinal);
        var error = Assert.Single(ended.Errors, line => line.StartsWith("Error: ", StringComparison.Ordinal));
        Assert.Contains(word, error, StringComparison.Ordinal);
        Assert.DoesNotContain("Traceback", ended.ErrorText, StringComparison.Ordinal);
        AssertNotServing(ended);
    }

    [Fact]
    public async Task Port_Taken_IsOneLineWithCodeOne()
    {
        await using var server = await PythonServer.StartAsync("hello:app");
        var ended = await RunAsync($"--listen=127.0.0.1:{server.PortText}", "hello:app");
        Assert.Equal(1, ended.Code);
        Assert.DoesNotContain("Traceback", ended.ErrorText, StringComparison.Ordinal);
        var line = Assert.Single(ended.Errors, entry => entry.StartsWith("Error: ", StringComparison.Ordinal));
        Assert.Contains(server.PortText, line, StringComparison.Ordinal);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Listen_NameOfNoService_IsOneLineWithCodeOne()
    {
        var ended = await RunAsync("--listen=127.0.0.1:no-such-service", "hello:app");
        Assert.Equal(1, ended.Code);
        Assert.Equal("Error: Cannot listen on 127.0.0.1:no-such-service: no TCP service is named no-such-service", Assert.Single(ended.Errors, entry => entry.StartsWith("Error: ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("hello:app")]
    [InlineData("hello.app")]
    [InlineData("hello:Holder.inner")]
    [InlineData("--app=hello:app")]
    [InlineData("--app", "hello:app")]
    [InlineData("--call", "hello:factory")]
    [InlineData("--call", "--app=hello:factory")]
    [InlineData("--threa=2", "hello:app")]
    [InlineData("--threads", "2", "hello:app")]
    [InlineData("--no-expose-tracebacks", "hello:app")]
    [InlineData("--asyncore-use-poll", "--recv-bytes=4096", "--send-bytes=1", "--cleanup-interval=10", "--asyncore-loop-timeout=2", "hello:app")]
    public async Task App_NamedInAnyWay_IsServed(params string[] arguments)
    {
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(["-m", "waitress", "--list=127.0.0.1:0", .. arguments]));
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Listen_Several_AllServe()
    {
        await using var server = await PythonServer.StartAsync("hello:app", ["--listen=127.0.0.1:0", "--listen=127.0.0.2:0 localhost:0"]);
        await Deadline.Until(() => server.Addresses().Count >= 3, "a line for each address");
        Assert.Single(server.Addresses(), address => address.StartsWith("http://127.0.0.2:", StringComparison.Ordinal));
        foreach (var address in server.Addresses())
        {
            using var http = new HttpClient { Timeout = Deadline.Wait };
            Assert.Equal(Expected.Hello, await http.GetStringAsync(address));
        }
    }

    [Fact]
    public async Task Host_AndPort_MakeTheAddress()
    {
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(["-m", "waitress", "--host=127.0.0.1", "--port=0", "hello:app"]));
        Assert.StartsWith("http://127.0.0.1:", Assert.Single(server.Addresses()), StringComparison.Ordinal);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Logging_SetUpByTheApp_Rules()
    {
        await using var server = await PythonServer.StartAsync("logged:app");
        Assert.Contains(server.Log.Lines, line => line.StartsWith("OWN INFO waitress Serving on http://127.0.0.1:", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("INFO:waitress", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Directory_Current_IsSearchedForTheApp()
    {
        using var folder = new TemporaryFolder();
        folder.Write("here.py", "from hello import app\n");
        await using var server = await PythonServer.StartAsync("here:app", folder: folder.Path);
        await server.AssertServesAsync();
    }

    internal static Task<PythonProcess.Ended> RunAsync(params string[] arguments) => PythonProcess.RunAsync(["-m", "waitress", .. arguments]);

    internal static void AssertNotServing(PythonProcess.Ended ended) =>
        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
}
