using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>The lifespan protocol: start-up before the first request, shutdown after the last.</summary>
public sealed class LifespanTests
{
    [Fact]
    public async Task App_WithLifespan_IsToldOfBothAndItsStateIsHandedOn()
    {
        await using var server = await StartAsync("complete");
        Assert.Contains("""MARK scope {"asgi": {"spec_version": "2.0", "version": "3.0"}, "state": [], "type": "lifespan"}""", server.Log.Lines);
        Assert.True(server.Log.HasMark("started"));
        using (var client = await server.ConnectAsync())
        {
            Assert.Equal("""{"count": 1, "shared": 0}""", (await client.GetAsync("/")).Text);
            Assert.Equal("""{"count": 1, "shared": 1}""", (await client.GetAsync("/")).Text);
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.True(server.Log.HasMark("shut down"));
    }

    [Theory]
    [InlineData("failed", "auto", "The app's start-up failed: no database today")]
    [InlineData("raise", "on", "The app does not take part in the lifespan protocol: RuntimeError: unknown scope")]
    [InlineData("wrong", "on", "lifespan.shutdown.complete is not what lifespan.startup is answered with")]
    public async Task App_ThatDoesNotStart_EndsTheProgramWithThree(string kind, string mode, string message)
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", "--lifespan=" + mode, "asgi_lifespan:app"], environment: Kind(kind));
        Assert.Equal(3, ended.Code);
        Assert.Contains(message, ended.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("raise", "auto", "null")]
    [InlineData("exit", "auto", "null")]
    [InlineData("complete", "off", "null")]
    [InlineData("return", "on", "{}")]
    public async Task App_WithoutLifespan_IsServed(string kind, string mode, string state)
    {
        await using var server = await StartAsync(kind, "--lifespan=" + mode);
        using (var client = await server.ConnectAsync())
            Assert.Equal(state, (await client.GetAsync("/")).Text);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("Traceback", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("late-raise", "RuntimeError: lifespan broke later")]
    [InlineData("shutdown-failed", "The app's shutdown failed: could not say goodbye")]
    [InlineData("shutdown-hang", "The app's shutdown took longer than 1 s")]
    public async Task App_ThatFailsLater_IsServedAndTheFailureLogged(string kind, string message)
    {
        await using var server = await StartAsync(kind, "--graceful-timeout=1");
        using (var client = await server.ConnectAsync())
            Assert.Equal(200, (await client.GetAsync("/")).Status);
        Assert.Equal(0, await server.StopAsync());
        Assert.Contains(server.Log.Lines, line => line.Contains(message, StringComparison.Ordinal));
    }

    private static Dictionary<string, string> Kind(string kind) => new() { ["ASGI_LIFESPAN"] = kind };

    private static Task<PythonServer> StartAsync(string kind, params string[] options) =>
        PythonServer.StartAsync("asgi_lifespan:app", options, environment: Kind(kind));
}
