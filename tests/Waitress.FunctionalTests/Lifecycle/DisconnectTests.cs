using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Lifecycle;

/// <summary>Clients that leave in each phase: nothing leaks, the app's iterator is closed, the server goes on.</summary>
public sealed class DisconnectTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Theory]
    [InlineData("")]
    [InlineData("GET /hello HT")]
    [InlineData("GET /hello HTTP/1.1\r\nHost: te")]
    public async Task Client_LeavingInTheHead_HarmsNobody(string part)
    {
        using (var client = await suite.ConnectAsync())
        {
            await client.SendAsync(part);
            client.Abort();
        }

        await suite.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData("Content-Length: 1000\r\n\r\nonly a part", true)]
    [InlineData("Content-Length: 1000\r\n\r\nonly a part", false)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false)]
    public async Task Client_LeavingBeforeTheBodyEnds_NeverReachesTheApp(string rest, bool reset)
    {
        var name = Pattern.Name();
        using (var client = await suite.ConnectAsync())
        {
            await client.SendAsync($"POST /digest?name={name} HTTP/1.1\r\nHost: test\r\n{rest}");
            if (reset)
            {
                client.Abort();
            }
            else
            {
                client.FinishSending();
                await client.ReceiveToEndAsync();
            }
        }

        await suite.Server.AssertServesAsync();
        Assert.False(suite.Log.HasMark("called " + name));
    }

    [Fact]
    public async Task Client_LeavingWhileTheAppRuns_HasTheIteratorClosed()
    {
        using var gate = new Gate();
        var name = Pattern.Name();
        using (var client = await suite.ConnectAsync())
        {
            await client.SendAsync($"GET /wait/first?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
            await suite.Log.WaitForMark("entered " + name);
            client.Abort();
        }

        gate.Open();
        await suite.Log.WaitForMark($"closed {name} 1");
        await suite.Server.AssertServesAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("&length")]
    public async Task Client_LeavingInTheResponse_EndsItAndHasTheIteratorClosedOnce(string length)
    {
        var name = Pattern.Name();
        using (var client = await suite.ConnectAsync())
        {
            await client.SendAsync($"GET /big?size=2000000000&name={name}{length} HTTP/1.1\r\nHost: test\r\n\r\n");
            await client.ReceiveBytesAsync(100_000);
            client.Abort();
        }

        await suite.Log.WaitForMark($"closed {name} 1");
        await suite.Server.AssertServesAsync();
        Assert.False(suite.Log.HasMark($"produced {name} 2000000000"));
        Assert.False(suite.Log.HasMark($"closed {name} 2"));
    }

    [Fact]
    public async Task Client_HalfClosing_StillGetsItsAnswer()
    {
        using var client = await suite.ConnectAsync();
        await client.SendAsync("GET /generator HTTP/1.1\r\nHost: test\r\n\r\n");
        client.FinishSending();
        Assert.Equal("onetwothree", (await client.ReceiveAsync()).Text);
        await client.AssertClosedAsync();
    }
}

public sealed class LookaheadServer() : ServerFixture("suite:app", "--channel-request-lookahead=5");

public sealed class LookaheadTests(LookaheadServer lookahead) : IClassFixture<LookaheadServer>
{
    [Fact]
    public async Task ClientDisconnected_AfterTheClientLeft_IsTrue()
    {
        var name = Pattern.Name();
        using (var client = await lookahead.ConnectAsync())
        {
            await client.SendAsync($"GET /until-gone?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
            await lookahead.Log.WaitForMark("entered " + name);
            client.Abort();
        }

        await lookahead.Log.WaitForMark("gone " + name);
        await lookahead.Server.AssertServesAsync();
    }

    [Fact]
    public async Task ClientDisconnected_WhileTheClientWaits_IsFalse()
    {
        using var client = await lookahead.ConnectAsync();
        Assert.Equal("False", (await client.GetAsync("/connected")).Text);
    }

    [Fact]
    public async Task Pipeline_BehindABadRequest_IsNeverServed()
    {
        using var client = await lookahead.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync("GET /hello HTTP/1.1\r\nHost: test\r\n\r\nGET /hello HTTP/1.1\r\nHost : test\r\n\r\n"
            + $"GET /digest?name={name} HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.Equal(Expected.Hello, (await client.ReceiveAsync()).Text);
        await Expected.RefusedAsync(client, 400);
        Assert.False(lookahead.Log.HasMark("called " + name));
    }
}
