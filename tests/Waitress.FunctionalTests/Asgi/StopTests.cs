using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Asgi;

/// <summary>The stop with an app's tasks still at work.</summary>
public sealed class AsgiStopTests
{
    [Fact]
    public async Task Stop_WithRequestsInFlight_AnswersThem()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app");
        using var gate = new Gate();
        var (waiting, begun) = (Pattern.Name(), Pattern.Name());
        using var first = await server.ConnectAsync();
        using var second = await server.ConnectAsync();
        using var idle = await server.ConnectAsync();
        Assert.Equal(Expected.Hello, (await idle.GetAsync("/hello")).Text);
        await first.SendAsync($"GET /gate?{gate.Query(waiting)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await second.SendAsync($"GET /first?{gate.Query(begun)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered " + waiting);
        await server.Log.WaitForMark("entered " + begun);
        server.Process.Signal(PythonProcess.Sigterm);
        await server.Log.WaitForLog("finishing the requests in flight");
        gate.Open();
        var answer = await first.ReceiveAsync();
        Assert.Equal(("waited " + waiting, true), (answer.Text, answer.CloseAnnounced));
        Assert.Equal("firstsecond", (await second.ReceiveAsync()).Text);
        await idle.AssertClosedAsync();
        Assert.Equal(0, await server.Process.ExitAsync());
    }

    [Fact]
    public async Task Stop_AfterGracefulTimeout_CancelsTheTasks()
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--graceful-timeout=1"]);
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET /sleep?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered " + name);
        Assert.Equal(0, await server.StopAsync());
        Assert.True(server.Log.HasMark("cancelled " + name));
        Assert.Contains(server.Log.Lines, line => line.Contains("task(s) of the app still ran after graceful_timeout", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("Task was destroyed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/sleep")]
    [InlineData("/until-left")]
    public async Task Signal_Twice_EndsAtOnce(string target)
    {
        await using var server = await PythonServer.StartAsync("asgi_suite:app", ["--graceful-timeout=600"]);
        var name = Pattern.Name();
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET {target}?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered " + name);
        server.Process.Signal(PythonProcess.Sigterm);
        await server.Log.WaitForLog("finishing the requests in flight");
        server.Process.Signal(PythonProcess.Sigterm);
        Assert.NotEqual(2, await server.Process.ExitAsync());
    }
}
