using System.Globalization;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Wsgi;

/// <summary>Iterables of every kind: whole, in order, cut as the app cut them, closed exactly once.</summary>
public sealed class BodyTests(SuiteServer suite) : IClassFixture<SuiteServer>
{
    [Theory]
    [InlineData("/list")]
    [InlineData("/tuple")]
    [InlineData("/generator")]
    [InlineData("/blanks")]
    [InlineData("/write")]
    [InlineData("/bytearray")]
    [InlineData("/closing?name=kind")]
    public async Task Iterable_OfAnyKind_IsSentChunkedAndWhole(string target)
    {
        using var client = await suite.ConnectAsync();
        for (var turn = 0; turn < 2; turn++)
        {
            var response = await client.GetAsync(target);
            Assert.Equal((200, Framing.Chunked, "onetwothree"), (response.Status, response.Framing, response.Text));
        }
    }

    [Fact]
    public async Task List_OfOneItem_HasItsLength()
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync("/one");
        Assert.Equal((Framing.Length, "one"), (response.Framing, response.Text));
    }

    [Fact]
    public async Task List_Empty_IsAnEmptyBody()
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync("/empty");
        Assert.Equal((200, ""), (response.Status, response.Text));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task Items_GivenSlowly_ReachTheClientOneByOne()
    {
        using var gate = new Gate();
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        await client.SendAsync($"GET /wait/first?{gate.Query(name)} HTTP/1.1\r\nHost: test\r\n\r\n");
        await suite.Log.WaitForMark("entered " + name);
        await Deadline.Until(() => client.Waiting > 100, "the first item arrives while the app waits");
        gate.Open();
        var response = await client.ReceiveAsync();
        Assert.Equal([5, 6], response.Chunks);
        Assert.Equal("firstsecond", response.Text);
        await suite.Log.WaitForMark($"closed {name} 1");
    }

    [Fact]
    public async Task Close_AfterTheLastItem_IsCalledOnce()
    {
        using var client = await suite.ConnectAsync();
        var name = Pattern.Name();
        await client.GetAsync("/closing?name=" + name);
        await client.GetAsync("/hello");
        await suite.Log.WaitForMark($"closed {name} 1");
        Assert.False(suite.Log.HasMark($"closed {name} 2"));
    }

    [Theory]
    [InlineData("/big?size=5000000", nameof(Framing.Chunked))]
    [InlineData("/big?size=5000000&length", nameof(Framing.Length))]
    [InlineData("/big?size=5000000&length&step=5000000", nameof(Framing.Length))]
    [InlineData("/big?size=300000&step=7", nameof(Framing.Chunked))]
    [InlineData("/one-big?size=5000000", nameof(Framing.Length))]
    public async Task Big_AboveTheOverflow_IsWhole(string target, string framing)
    {
        using var client = await suite.ConnectAsync();
        var size = int.Parse(target.Split("size=")[1].Split('&')[0], CultureInfo.InvariantCulture);
        var response = await client.GetAsync(target);
        Assert.Equal((framing, Pattern.Digest(Pattern.Bytes(size))), (response.Framing.ToString(), Pattern.Digest(response.Body)));
        Assert.Equal(Expected.Hello, (await client.GetAsync("/hello")).Text);
    }

    [Fact]
    public async Task ExcInfo_BeforeAByteHasGone_ReplacesTheHeadersAndTheirLength()
    {
        using var client = await suite.ConnectAsync();
        var response = await client.GetAsync("/replaced");
        Assert.Equal((409, "second answer"), (response.Status, response.Text));
        Assert.Null(response.Header("X-First"));
    }
}
