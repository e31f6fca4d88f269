using System.Net;
using Waitress.Guards;
using Waitress.Processes;
using Waitress.Tests.Processes;

namespace Waitress.Tests.Guards;

public sealed class RequestRatesTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData("1/s", 1, 's', 1)]
    [InlineData("20/m", 20, 'm', 20)]
    [InlineData("5/h:9", 5, 'h', 9)]
    [InlineData("1000000/s:1", 1_000_000, 's', 1)]
    public void Rate_Text_IsReadAndWrittenAlike(string text, int count, char unit, int burst)
    {
        Assert.True(RequestRate.TryParse(text, out var rate));
        Assert.Equal(new RequestRate(count, unit, burst), rate);
        Assert.Equal(text, rate.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("/s")]
    [InlineData("0/s")]
    [InlineData("5/d")]
    [InlineData("5/s:")]
    [InlineData("5/s:0")]
    [InlineData("1.5/s")]
    [InlineData("1000001/s")]
    [InlineData("-5/s")]
    [InlineData("5 /s")]
    public void Rate_OtherText_IsRefused(string text) => Assert.False(RequestRate.TryParse(text, out _));

    [Fact]
    public void Take_MoreThanTheBurst_IsRefusedAndComesBackAtTheRate()
    {
        var rates = Rates("2/s:3");
        Assert.Equal([0, 0, 0, 1], Times(4, () => rates.Take(1)));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal([0, 1], Times(2, () => rates.Take(1)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([0, 0, 1], Times(3, () => rates.Take(1)));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal([0, 0, 0, 1], Times(4, () => rates.Take(1)));
    }

    [Fact]
    public void Take_Refused_TellsTheSecondsAndDoesNotCount()
    {
        var rates = Rates("6/m:1");
        Assert.Equal(0, rates.Take(1));
        Assert.Equal([10, 10, 10], Times(3, () => rates.Take(1)));
        _time.Advance(TimeSpan.FromSeconds(7.5));
        Assert.Equal(3, rates.Take(1));
        _time.Advance(TimeSpan.FromSeconds(2.5));
        Assert.Equal(0, rates.Take(1));
    }

    [Fact]
    public void Take_ExactlyAtTheRate_IsNeverRefused()
    {
        var rates = Rates("8/s:1");
        for (var turn = 0; turn < 1000; turn++)
        {
            Assert.Equal(0, rates.Take(1));
            _time.Advance(TimeSpan.FromSeconds(0.125));
        }
    }

    [Fact]
    public void Take_OtherClients_HaveTheirOwnShare()
    {
        var rates = Rates("1/h:2");
        for (var client = 0UL; client < 1000; client++)
            Assert.Equal([0, 0], Times(2, () => rates.Take(client)));
        for (var client = 0UL; client < 1000; client++)
            Assert.NotEqual(0, rates.Take(client));
    }

    /// <summary>The table does not grow, and whoever was quiet for longest is forgotten: who has just been refused is so again.</summary>
    [Fact]
    public void Take_ManyMoreClientsThanPlaces_ForgetsTheOldest()
    {
        var rates = new RequestRates(Rate("1/h:1"), new ClientTable(new OwnMemory((int)ClientTable.Size(64)), 0, 64, 7), _time);
        for (var client = 1UL; client <= 10_000; client++)
        {
            Assert.Equal(0, rates.Take(client));
            Assert.NotEqual(0, rates.Take(client));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(0, rates.Take(1));
        Assert.NotEqual(0, rates.Take(10_000));
    }

    [Fact]
    public void Take_AfterAServerWithASlowerRate_WaitsNoLongerThanTheNewRateAsks()
    {
        var table = new ClientTable(new OwnMemory((int)ClientTable.Size(64)), 0, 64, 7);
        Assert.Equal([0, 0, 0], Times(3, () => new RequestRates(Rate("1/h:3"), table, _time).Take(1)));
        Assert.Equal(1, new RequestRates(Rate("1/s"), table, _time).Take(1));
    }

    [Fact]
    public void Take_InTwoProcesses_CountsTogether()
    {
        using var test = new TestBoard(2, clients: true);
        using var one = test.Open();
        using var two = test.Open();
        var here = new RequestRates(Rate("1/s:4"), SharedClients.Of(one, 0)!.Rates, _time);
        var there = new RequestRates(Rate("1/s:4"), SharedClients.Of(two, 1)!.Rates, _time);
        Assert.Equal([0, 0, 0, 0], Times(2, () => here.Take(5)).Concat(Times(2, () => there.Take(5))));
        Assert.Equal((1, 1), (here.Take(5), there.Take(5)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((0, 1), (here.Take(5), there.Take(5)));
    }

    [Fact]
    public void Shared_BoardOfAnOlderSupervisor_IsNone()
    {
        using var test = new TestBoard(2);
        using var board = test.Open();
        Assert.Null(SharedClients.Of(board, 0));
    }

    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8::1", "2001:db8::ffff:1:2:3", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("::1", "0.0.0.1", false)]
    [InlineData("::", "0.0.0.0", false)]
    public void Key_OfAddresses_IsTheClients(string one, string other, bool same) =>
        Assert.Equal(same, ClientTable.Key(IPAddress.Parse(one)) == ClientTable.Key(IPAddress.Parse(other)));

    private static RequestRate Rate(string text) => RequestRate.TryParse(text, out var rate) ? rate : throw new ArgumentException(text);

    private RequestRates Rates(string text) =>
        new(Rate(text), new ClientTable(new OwnMemory((int)ClientTable.Size(RequestRates.Clients)), 0, RequestRates.Clients, 99), _time);

    private static int[] Times(int count, Func<int> take) => [.. Enumerable.Range(0, count).Select(_ => take())];
}
