using System.Net.Sockets;
using Waitress.FunctionalTests.Harness;
using Waitress.FunctionalTests.Wsgi;

namespace Waitress.FunctionalTests.CommandLine;

public sealed class UnixSocketTests
{
    [Theory]
    [InlineData("", UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData("660", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite)]
    public async Task Socket_Served_HasItsPermissionsAndTellsTheAppWhatItIs(string permissions, UnixFileMode mode)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        string[] options = permissions.Length == 0 ? [] : ["--unix-socket-perms=" + permissions];
        await using var server = await PythonServer.StartOnAsync(path, "suite:app", options);
        Assert.Equal(mode, File.GetUnixFileMode(path));
        using var client = await server.ConnectAsync();
        var seen = (await client.GetAsync("/environ")).Json();
        Assert.Equal((path, "localhost", "localhost", "None"),
            (EnvironTests.Value(seen, "SERVER_PORT"), EnvironTests.Value(seen, "REMOTE_ADDR"), EnvironTests.Value(seen, "REMOTE_HOST"),
                EnvironTests.Value(seen, "REMOTE_PORT")));
    }

    [Fact]
    public async Task Socket_Stale_IsReplaced()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(path));
            dead.Listen(1);
            File.Move(path, folder.File("kept")); // Closing removes the file in .NET: the moved one stays, as after a crash.
        }

        File.Move(folder.File("kept"), path);
        Assert.True(File.Exists(path));
        await using var server = await PythonServer.StartOnAsync(path, "hello:app");
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Socket_Live_IsNeverTaken()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("s");
        await using var server = await PythonServer.StartOnAsync(path, "hello:app");
        var ended = await CommandLineTests.RunAsync("--unix-socket=" + path, "hello:app");
        Assert.Equal(1, ended.Code);
        Assert.Contains(path, Assert.Single(ended.Errors, entry => entry.StartsWith("Error: ", StringComparison.Ordinal)), StringComparison.Ordinal);
        await server.AssertServesAsync();
    }

    [Theory]
    [InlineData("file")]
    [InlineData("no/such/folder/s")]
    public async Task Socket_WhereNoneCanBe_IsOneErrorWithCodeOne(string name)
    {
        using var folder = new TemporaryFolder();
        var kept = folder.Write("file", "kept");
        var ended = await CommandLineTests.RunAsync("--unix-socket=" + folder.File(name), "hello:app");
        Assert.Equal(1, ended.Code);
        Assert.DoesNotContain("Traceback", ended.ErrorText, StringComparison.Ordinal);
        Assert.Single(ended.Errors, entry => entry.StartsWith("Error: ", StringComparison.Ordinal));
        Assert.Equal("kept", await File.ReadAllTextAsync(kept));
    }
}
