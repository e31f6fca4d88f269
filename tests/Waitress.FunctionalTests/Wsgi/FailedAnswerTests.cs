using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>Answers that fail after their head is decided, and before the client has seen it or long after.</summary>
public sealed class FailedAnswerTests
{
    [Theory]
    [InlineData("")]
    [InlineData("&length")]
    public async Task Head_WhoseIterableRaisesAfterItsFirstBlock_IsACompleteAnswer(string query)
    {
        await using var server = await PythonServer.StartAsync("suite:app");
        using var client = await server.ConnectAsync();
        var name = Pattern.Name();
        var response = await client.RequestAsync($"HEAD /mistake/between?name={name}{query} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal((500, "Internal Server Error"), (response.Status, response.Reason));
        Assert.True(response.CloseAnnounced, "Connection: close is missing");
        await client.AssertClosedAsync();
        await server.Log.WaitForLog("ValueError: raised in the iterator");
        await server.Log.WaitForMark($"closed {name} 1");
        await server.AssertServesAsync();
    }

    [Fact]
    public async Task Answer_ThatTheDiskCannotHold_IsCutAndToldAndItsIterableClosed()
    {
        await using var server = await PythonServer.StartAsync("full_disk:app", ["--outbuf-overflow=100000"]);
        using var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 4096);
        var name = Pattern.Name();
        await client.SendAsync($"GET /big?size=16000000&length&name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        await server.Log.WaitForLog("Could not store");
        await server.Log.WaitForMark($"closed {name} 1");
        Assert.False(server.Log.HasMark($"produced {name} 16000000"));
        await Expected.CutAsync(client);
        await server.AssertServesAsync();
        Assert.Equal(0, await server.StopAsync());
    }
}
