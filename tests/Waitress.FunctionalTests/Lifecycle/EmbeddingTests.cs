using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>The Python API used from a script, as programs embed it; each script tells what it saw, line by line.</summary>
public sealed class EmbeddingTests
{
    [Theory]
    [InlineData("create_server", "port True host 127.0.0.1", "200 Hello, World!", "", "ended True refused True")]
    [InlineData("serve_twice", "turn 0 200 Hello, World!", "", "turn 1 200 Hello, World!", "", "handlers True True")]
    [InlineData("several", "['app 0', 'app 1', 'app 2']", "False True app 0 app 2", "[False, False, False]")]
    [InlineData("in_thread", "200 Hello, World!", "", "handlers True True")]
    [InlineData("handed_sockets", "[200, 200] 2", "mixed refused")]
    [InlineData("bad_settings", "[True, True, True]", "True", "True")]
    public async Task Script_Embedding_SeesWhatItExpectsAndEnds(string script, params string[] expected)
    {
        var ended = await PythonProcess.RunAsync([Path.Combine("embedding", script + ".py")]);
        Assert.True(ended.Code == 0, $"Exit code {ended.Code}:\n{ended.ErrorText}");
        Assert.Equal(expected, ended.Output);
    }

    [Fact]
    public async Task SystemdSocket_HandedOver_IsServed()
    {
        await using var server = await PythonServer.ReadyAsync(
            PythonProcess.Start([Path.Combine("embedding", "activated.py"), "hello:app"]));
        await server.Process.Output.WaitForLog("bound " + server.PortText);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }
}
