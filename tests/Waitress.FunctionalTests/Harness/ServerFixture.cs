namespace Waitress.FunctionalTests.Harness;

/// <summary>A server shared by the tests of a class. It must survive them all and then stop as asked.</summary>
public abstract class ServerFixture(string app, params string[] options) : IAsyncLifetime
{
    // Words that only a crash, a leaked iterator or an escaped exception of the engine writes.
    private static readonly string[] Fatal = ["Fatal Python error", "Unhandled exception", "garbage collected without being closed"];

    internal PythonServer Server { get; private set; } = null!;

    internal LogCapture Log => Server.Log;

    public async Task InitializeAsync() => Server = await PythonServer.StartAsync(app, options);

    public async Task DisposeAsync()
    {
        await using var server = Server;
        Assert.False(server.Process.HasExited, "The server died during the tests:\n" + server.Log.Text);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => Fatal.Any(word => line.Contains(word, StringComparison.Ordinal)));
    }

    internal Task<RawClient> ConnectAsync() => Server.ConnectAsync();
}

/// <summary>tests/apps/suite.py with default settings.</summary>
public sealed class SuiteServer() : ServerFixture("suite:app");
