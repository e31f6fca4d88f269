using System.Net;
using System.Net.Sockets;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Processes;
using Waitress.Telemetry;
using Waitress.Tests.Processes;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.Guards;

public sealed class ClientGuardTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly (Socket Reader, Socket Writer) _wake = MailboxTests.Connected();
    private readonly Mailbox _log;
    private readonly GuardCounts _counts;

    public ClientGuardTests()
    {
        _log = new Mailbox((int)_wake.Writer.Handle);
        _counts = new GuardCounts(_log, _time);
    }

    public void Dispose()
    {
        _counts.Dispose();
        _log.Dispose();
        _wake.Reader.Dispose();
        _wake.Writer.Dispose();
    }

    [Fact]
    public void From_NothingSet_IsNone() => Assert.Null(ClientGuard.From(new Settings(), _counts, null, _log, _time));

    [Fact]
    public void Admits_DeniedPeer_IsNotAndIsCounted()
    {
        using var guard = Guard(new Settings { Deny = ["10.0.0.0/8"] });
        Assert.False(guard.Admits(Peer("10.0.0.1"), out _));
        Assert.False(guard.Admits(Peer("::ffff:10.0.0.1"), out _));
        Assert.True(guard.Admits(Peer("192.0.2.1"), out _));
        Assert.True(guard.Admits(new UnixDomainSocketEndPoint("/x"), out _));
        Assert.True(guard.Admits(null, out _));
        Assert.Equal(2, _counts[GuardReason.DeniedAddress]);
    }

    /// <summary>Its own address is judged at accept, whatever it will say about its clients.</summary>
    [Fact]
    public void Admits_TrustedProxyThatIsNotAllowed_IsNot()
    {
        using var guard = Guard(new Settings { Allow = ["203.0.113.0/24"], TrustedProxy = ["10.0.0.1"] });
        Assert.False(guard.Admits(Peer("10.0.0.1"), out _));
    }

    [Fact]
    public void Admits_BeyondLimitPerAddress_UntilOneLeaves()
    {
        using var guard = Guard(new Settings { LimitPerAddress = 2, TrustedProxy = ["10.0.0.1"] });
        Assert.True(guard.Admits(Peer("192.0.2.1", 1), out var first));
        Assert.True(guard.Admits(Peer("192.0.2.1", 2), out var second));
        Assert.False(guard.Admits(Peer("::ffff:192.0.2.1", 3), out _));
        Assert.True(guard.Admits(Peer("192.0.2.2", 4), out _));
        first!.Dispose();
        first.Dispose();
        Assert.True(guard.Admits(Peer("192.0.2.1", 5), out _));
        Assert.False(guard.Admits(Peer("192.0.2.1", 6), out _));
        second!.Dispose();
        Assert.True(guard.Admits(Peer("192.0.2.1", 7), out _));
        Assert.Equal(2, _counts[GuardReason.TooManyConnections]);
        for (var turn = 0; turn < 5; turn++)
        {
            Assert.True(guard.Admits(Peer("10.0.0.1"), out var none));
            Assert.Null(none);
        }
    }

    /// <summary>Not a proxy's, which are those of clients that nobody could name.</summary>
    [Fact]
    public void Charge_OfRefusedRequests_LeavesLessForOthersOfTheClient()
    {
        using var guard = Guard(new Settings { RateLimit = new RequestRate(2, 's', 2), TrustedProxy = ["10.0.0.1"] });
        var (client, proxy) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("10.0.0.1"));
        guard.Charge(client);
        Assert.Null(guard.Judge(client, null));
        guard.Charge(client);
        Assert.Equal(429, guard.Judge(client, null)!.Status);
        for (var turn = 0; turn < 5; turn++)
            guard.Charge(proxy);
        guard.Charge(null);
        Assert.Null(guard.Judge(proxy, null));
    }

    [Fact]
    public void Admits_Ipv6_CountsByNetworkOf64Bits()
    {
        using var guard = Guard(new Settings { LimitPerAddress = 1 });
        Assert.True(guard.Admits(Peer("2001:db8::1"), out _));
        Assert.False(guard.Admits(Peer("2001:db8::2"), out _));
        Assert.True(guard.Admits(Peer("2001:db8:0:1::1"), out _));
    }

    [Fact]
    public void Admits_WorkersTogether_KeepOneLimitAndADeadOnesConnectionsDoNotCount()
    {
        using var test = new TestBoard(3, clients: true);
        var boards = Enumerable.Range(0, 3).Select(_ => test.Open()).ToArray();
        var settings = new Settings { LimitPerAddress = 2 };
        var guards = boards.Select((board, slot) => ClientGuard.From(settings, _counts, SharedClients.Of(board, slot), _log, _time)!).ToArray();
        boards[0][0, Field.State] = boards[0][1, Field.State] = (long)SlotState.Serving;
        Assert.True(guards[0].Admits(Peer("192.0.2.1"), out var first));
        Assert.True(guards[1].Admits(Peer("192.0.2.1"), out _));
        Assert.False(guards[0].Admits(Peer("192.0.2.1"), out _));
        Assert.False(guards[2].Admits(Peer("192.0.2.1"), out _));
        first!.Dispose();
        Assert.True(guards[2].Admits(Peer("192.0.2.1"), out _));

        // The supervisor clears the slot of a worker that is gone; the next one there begins with nothing.
        boards[0][1, Field.State] = (long)SlotState.Empty;
        Assert.True(guards[0].Admits(Peer("192.0.2.1"), out _));
        ClientGuard.From(settings, _counts, SharedClients.Of(boards[1], 1), _log, _time)!.Dispose();
        boards[0][1, Field.State] = (long)SlotState.Serving;
        boards[0][2, Field.State] = (long)SlotState.Draining;
        Assert.False(guards[0].Admits(Peer("192.0.2.1"), out _));
        foreach (var each in boards)
            each.Dispose();
    }

    [Theory]
    [InlineData("192.0.2.1", null, null)]
    [InlineData("10.0.0.1", null, 403)]
    [InlineData("192.0.2.1", "10.0.0.1", 403)]
    [InlineData("10.0.0.1", "192.0.2.1", null)]
    [InlineData("192.0.2.1", "::ffff:10.0.0.1", 403)]
    [InlineData("192.0.2.1", "unknown", null)]
    [InlineData(null, null, null)]
    [InlineData(null, "10.0.0.1", 403)]
    public void Judge_Denied_IsTheClientNotTheProxy(string? peer, string? stated, int? status)
    {
        using var guard = Guard(new Settings { Deny = ["10.0.0.0/8"] });
        var refusal = guard.Judge(peer is null ? null : IPAddress.Parse(peer), stated);
        Assert.Equal(status, refusal?.Status);
        Assert.Equal(status is null ? 0 : 1, _counts[GuardReason.DeniedClient]);
        Assert.Equal(stated is not null, refusal?.Keeps ?? stated is not null);
    }

    [Theory]
    [InlineData("192.0.2.1", null)]
    [InlineData("unknown", 403)]
    [InlineData("_hidden", 403)]
    [InlineData("0xC0000201", 403)] // 192.0.2.1 to IPAddress, a word to HTTP.
    [InlineData("3221225985", 403)]
    public void Judge_WithAllow_NamesAreNotAllowed(string stated, int? status)
    {
        using var guard = Guard(new Settings { Allow = ["192.0.2.1"] });
        Assert.Equal(status, guard.Judge(IPAddress.Parse("192.0.2.1"), stated)?.Status);
    }

    [Fact]
    public void Judge_BeyondTheRate_Is429WithTheSeconds()
    {
        using var guard = Guard(new Settings { RateLimit = new RequestRate(6, 'm', 1) });
        var proxy = IPAddress.Parse("10.0.0.1");
        Assert.Null(guard.Judge(proxy, "192.0.2.1"));
        Assert.Null(guard.Judge(proxy, "192.0.2.2"));
        var refusal = guard.Judge(proxy, "192.0.2.1");
        Assert.Equal((429, 10, true), (refusal!.Status, refusal.RetryAfter, refusal.Keeps));
        Assert.Equal(429, guard.Judge(IPAddress.Parse("192.0.2.1"), null)?.Status); // The same client, without the proxy.
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(guard.Judge(proxy, "192.0.2.1"));
        Assert.Equal(2, _counts[GuardReason.TooManyRequests]);
    }

    [Fact]
    public void Judge_Rate_NamesShareOneAndUnixPeersHaveNone()
    {
        using var guard = Guard(new Settings { RateLimit = new RequestRate(1, 'h', 1) });
        Assert.Null(guard.Judge(null, "unknown"));
        Assert.Equal(429, guard.Judge(null, "_secret")?.Status);
        Assert.Null(guard.Judge(null, null));
        Assert.Null(guard.Judge(null, null));
    }

    [Fact]
    public void Counts_Many_AreToldInSums()
    {
        var peer = Peer("192.0.2.1", 7);
        _counts.Note(GuardReason.DeniedAddress, peer);
        Assert.Equal([LogEvent.ConnectionsDenied.Write(1, peer)], Told());
        for (var turn = 0; turn < 5000; turn++)
            _counts.Note(turn % 2 == 0 ? GuardReason.DeniedAddress : GuardReason.TooManyRequests, peer);
        Assert.Empty(Told());
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([LogEvent.ConnectionsDenied.Write(2500, peer), LogEvent.RequestsOverRate.Write(2500, peer)], Told());
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, _time.Timers);
        _counts.Note(GuardReason.TooManyConnections, peer);
        Assert.Equal([LogEvent.ConnectionsOverLimit.Write(1, peer)], Told());
        _counts.Note(GuardReason.TooManyConnections, peer);
        _counts.TellRest(); // At the stop nobody waits for the pause.
        Assert.Equal([LogEvent.ConnectionsOverLimit.Write(1, peer)], Told());
        _counts.Note(GuardReason.SlowHead, peer);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Empty(Told());
        Assert.Equal(1, _counts[GuardReason.SlowHead]);
    }

    private static IPEndPoint Peer(string address, int port = 1) => new(IPAddress.Parse(address), port);

    private ClientGuard Guard(Settings settings) => ClientGuard.From(settings, _counts, null, _log, _time)!;

    private IEnumerable<string> Told() => _log.Take().Select(entry => entry.Text);
}
