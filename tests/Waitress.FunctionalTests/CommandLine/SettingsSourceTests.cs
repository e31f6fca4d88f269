using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.CommandLine;

/// <summary>Command line before environment before file before default; the Server header tells which ident won.</summary>
public sealed class SettingsSourceTests
{
    [Theory]
    [InlineData("", "", "", "waitress")]
    [InlineData("", "", "file", "file")]
    [InlineData("", "environment", "file", "environment")]
    [InlineData("command", "environment", "file", "command")]
    public async Task Ident_FromSeveralSources_TheStrongestWins(string command, string environment, string file, string expected)
    {
        using var folder = new TemporaryFolder();
        List<string> options = [];
        if (file.Length > 0)
        {
            options.Add("--config=" + folder.Write("own.toml", $"ident = \"{file}\"\nthreads = 2\n"));
        }

        if (command.Length > 0)
        {
            options.Add("--ident=" + command);
        }

        var variables = environment.Length > 0 ? new Dictionary<string, string> { ["WAITRESS_IDENT"] = environment } : null;
        await using var server = await PythonServer.StartAsync("hello:app", options, environment: variables);
        using var client = await server.ConnectAsync();
        Assert.Equal(expected, (await client.GetAsync("/")).Header("Server"));
    }

    [Fact]
    public async Task Pyproject_BesideTheApp_IsRead()
    {
        using var folder = new TemporaryFolder();
        folder.Write("pyproject.toml", "[project]\nname = \"x\"\n[tool.waitress]\nident = \"from-pyproject\"\n");
        folder.Write("here.py", "from hello import app\n");
        await using var server = await PythonServer.StartAsync("here:app", folder: folder.Path);
        using var client = await server.ConnectAsync();
        Assert.Equal("from-pyproject", (await client.GetAsync("/")).Header("Server"));
    }

    [Fact]
    public async Task Port_OfThePlatform_IsListenedOn()
    {
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(
            ["-m", "waitress", "--host=127.0.0.1", "hello:app"], environment: new Dictionary<string, string> { ["PORT"] = "0" }));
        Assert.NotEqual("8080", server.PortText);
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task WebConcurrency_OfThePlatform_IsTheNumberOfWorkers()
    {
        await using var server = await PythonServer.StartAsync(
            "suite:app", environment: new Dictionary<string, string> { ["WEB_CONCURRENCY"] = "3" });
        using var client = await server.ConnectAsync();
        var names = (await client.GetAsync("/threads")).Json().GetProperty("names").EnumerateArray().Select(name => name.GetString()!);
        Assert.Equal(3, names.Count(name => name.StartsWith("waitress-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task CheckConfig_OfAllSources_PrintsValueAndOriginAndServesNothing()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("own.toml", "channel_timeout = 77\n");
        var ended = await PythonProcess.RunAsync(
            ["-m", "waitress", "--check-config", "--config=" + file, "--threads=7", "hello:app"],
            environment: new Dictionary<string, string> { ["WAITRESS_BACKLOG"] = "99" });
        Assert.Equal(0, ended.Code);
        Assert.Single(ended.Output, line => line.StartsWith("threads ", StringComparison.Ordinal)
            && line.Contains(" 7 ", StringComparison.Ordinal) && line.Contains("command line", StringComparison.Ordinal));
        Assert.Single(ended.Output, line => line.StartsWith("backlog ", StringComparison.Ordinal)
            && line.Contains(" 99 ", StringComparison.Ordinal) && line.Contains("environment", StringComparison.Ordinal));
        Assert.Single(ended.Output, line => line.StartsWith("channel_timeout ", StringComparison.Ordinal)
            && line.Contains(" 77 ", StringComparison.Ordinal) && line.Contains(file, StringComparison.Ordinal));
        Assert.Single(ended.Output, line => line.StartsWith("ident ", StringComparison.Ordinal) && line.Contains("default", StringComparison.Ordinal));
        CommandLineTests.AssertNotServing(ended);
    }

    [Theory]
    [InlineData("threads = \"many\"\n", "threads")]
    [InlineData("nonsense = 1\n", "nonsense")]
    [InlineData("not toml", "own.toml")]
    public async Task File_Wrong_IsRefusedByNameWithCodeTwo(string text, string word)
    {
        using var folder = new TemporaryFolder();
        var ended = await CommandLineTests.RunAsync("--listen=127.0.0.1:0", "--config=" + folder.Write("own.toml", text), "hello:app");
        Assert.Equal(2, ended.Code);
        Assert.Contains(word, ended.ErrorText, StringComparison.Ordinal);
        CommandLineTests.AssertNotServing(ended);
    }
}
