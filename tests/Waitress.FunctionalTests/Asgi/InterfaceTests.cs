using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>Which interface an app is served by.</summary>
public sealed class InterfaceTests
{
    [Theory]
    [InlineData("asgi_suite:app")]
    [InlineData("asgi_suite:holder", "--interface=auto")]
    [InlineData("asgi_suite:factory", "--call")]
    [InlineData("asgi_suite:app", "--interface=asgi")]
    public async Task App_Asynchronous_IsServedAsOne(string app, params string[] options)
    {
        await using var server = await PythonServer.StartAsync(app, options);
        await server.AssertServesAsync();
        await server.Log.WaitForLog("ASGI app on one event loop");
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task App_Synchronous_IsServedAsWsgi()
    {
        await using var server = await PythonServer.StartAsync("suite:app", ["--interface=wsgi"]);
        await server.AssertServesAsync();
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("ASGI", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("asgi_suite:Old", 1, "is an ASGI 2 app")]
    [InlineData("asgi_suite:app", 2, "interface", "--interface=fastcgi")]
    public async Task App_ThatCannotBeServed_IsRefusedWithTheReason(string app, int code, string message, params string[] options)
    {
        var ended = await PythonProcess.RunAsync(["-m", "waitress", "--listen=127.0.0.1:0", .. options, app]);
        Assert.Equal(code, ended.Code);
        Assert.Contains(message, ended.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("Serving on", ended.ErrorText, StringComparison.Ordinal);
    }
}
