using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

public sealed class InputTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Fact]
    public async Task Input_LinesAndParts_ReadAsAFile()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync(
            "POST /lines HTTP/1.1\r\nHost: test\r\nContent-Length: 27\r\n\r\nfirst line\r\nxysecond\n\nlast!")).Json();
        Assert.Equal(("first line\r\n", "xy", ""),
            (seen.GetProperty("first").GetString(), seen.GetProperty("part").GetString(), seen.GetProperty("end").GetString()));
        Assert.Equal(["second\n", "\n", "last!"], seen.GetProperty("rest").EnumerateArray().Select(line => line.GetString()));
    }

    [Fact]
    public async Task Input_Whole_CanBeReadAgain()
    {
        using var client = await suite.ConnectAsync();
        var seen = (await client.RequestAsync("POST /seeks HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabcdef")).Json();
        Assert.Equal(("cdef", 6, 6),
            (seen.GetProperty("again").GetString(), seen.GetProperty("length").GetInt32(), seen.GetProperty("tell").GetInt32()));
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(3_000_000)]
    public async Task Input_BelowAndAboveTheOverflow_ArrivesWhole(int size)
    {
        using var client = await suite.ConnectAsync();
        var body = Pattern.Bytes(size);
        await client.SendAsync($"POST /digest HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n");
        await client.SendAsync(body);
        Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());

        await client.SendAsync("POST /digest HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (var at = 0; at < size; at += 50_000)
        {
            await client.SendAsync("C350\r\n");
            await client.SendAsync(body.AsMemory(at, 50_000));
            await client.SendAsync("\r\n");
        }

        await client.SendAsync("0\r\n\r\n");
        Assert.Equal(Pattern.Digest(body), (await client.ReceiveAsync()).Json().GetProperty("sha256").GetString());
    }
}

/// <summary>Where a body is kept while the app has it: TMPDIR is a folder of the test's own.</summary>
public sealed class OverflowTests
{
    [Theory]
    [InlineData(1000, false)]
    [InlineData(200_000, true)]
    public async Task Input_AboveTheOverflow_IsInAnUnlinkedFileAndGoneAfterwards(int size, bool inFile)
    {
        using var folder = new TemporaryFolder();
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync(
            "suite:app", ["--inbuf-overflow=10000"], environment: new Dictionary<string, string> { ["TMPDIR"] = folder.Path });
        using var client = await server.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync($"POST /wait/body?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n");
        await client.SendAsync(Pattern.Bytes(size));
        await server.Log.WaitForMark("entered " + name);
        Assert.Equal(inFile, OpenFiles(server).Any(file => file.StartsWith(folder.Path, StringComparison.Ordinal)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
        gate.Open();
        Assert.Equal(size.ToString(System.Globalization.CultureInfo.InvariantCulture), (await client.ReceiveAsync()).Text);
        await Deadline.Until(
            () => !OpenFiles(server).Any(file => file.StartsWith(folder.Path, StringComparison.Ordinal)), "the temporary file is closed");
    }

    /// <summary>A limit on the size of files stands for a full disk: writes fail, for this server alone.</summary>
    [Fact]
    public async Task Input_ThatCannotBeStored_Is500AndALogLineAndTheServerLives()
    {
        const string Limited = """
            import os, resource, sys
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
            os.execv(sys.executable, [sys.executable, "-m", "waitress", "--listen=127.0.0.1:0", "--inbuf-overflow=10000", "suite:app"])
            """;
        await using var server = await PythonServer.ReadyAsync(PythonProcess.Start(["-c", Limited]));
        var name = Pattern.Name();
        var from = server.Log.Lines.Count;
        using var client = await server.ConnectAsync();
        await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n");
        await client.SendAsync(Pattern.Bytes(2_000_000));
        await Expected.RefusedAsync(client, 500);
        await server.Log.WaitForLog(line => line.StartsWith("ERROR:waitress", StringComparison.Ordinal), "a line about the storage", from);
        Assert.False(server.Log.HasMark("called " + name));
        await server.AssertServesAsync();
    }

    private static List<string> OpenFiles(PythonServer server)
    {
        List<string> targets = [];
        foreach (var entry in new DirectoryInfo($"/proc/{server.Process.Id}/fd").EnumerateFiles())
        {
            if (entry.LinkTarget is { } target)
            {
                targets.Add(target);
            }
        }

        return targets;
    }
}
