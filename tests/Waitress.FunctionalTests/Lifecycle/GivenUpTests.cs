using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>A client that closes its side while its request waits for a thread.</summary>
public sealed class GivenUpTests
{
    [Fact]
    public async Task HalfClose_LaterThanASecondAfterAQueuedRequest_GetsNoAnswerAndTheAppIsNotCalled()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--threads=1"]);
        using var busy = await server.ConnectAsync();
        using var queued = await server.ConnectAsync();
        await busy.SendAsync($"GET /wait?{gate.Query("busy")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered busy");
        await queued.SendAsync("GET /unread?name=left HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForLog("Task queue depth is 1");
        await Task.Delay(1500); // The server's own second, in which a half-close only means that nothing more is asked.
        queued.FinishSending();
        await AssertEndIsReadAsync(server);
        gate.Open();
        Assert.Equal("waited busy", (await busy.ReceiveAsync()).Text);
        Assert.Empty(await queued.ReceiveToEndAsync());
        await server.AssertServesAsync();
        Assert.False(server.Log.HasMark("called left"));
    }

    [Fact]
    public async Task HalfClose_RightAfterAQueuedRequest_GetsTheAnswer()
    {
        using var gate = new Gate();
        await using var server = await PythonServer.StartAsync("suite:app", ["--threads=1"]);
        using var busy = await server.ConnectAsync();
        using var queued = await server.ConnectAsync();
        await busy.SendAsync($"GET /wait?{gate.Query("busy")} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForMark("entered busy");
        await queued.SendAsync("GET /unread?name=stays HTTP/1.1\r\nHost: test\r\n\r\n");
        queued.FinishSending();
        await AssertEndIsReadAsync(server);
        gate.Open();
        Assert.Equal("unread", (await queued.ReceiveAsync()).Text);
        await server.Log.WaitForMark("called stays");
    }

    // What was sent later has been read and answered, without a thread of the app: so has the end of the other stream.
    private static async Task AssertEndIsReadAsync(PythonServer server)
    {
        for (var turn = 0; turn < 10; turn++)
        {
            using var other = await server.ConnectAsync();
            await other.SendAsync("GET / HTTP/9.9\r\n\r\n");
            await Expected.RefusedAsync(other, 400, 505);
        }
    }
}
