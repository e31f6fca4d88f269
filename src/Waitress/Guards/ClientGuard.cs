// Who may connect, and how often. Receives each new connection on the thread that accepts, before anything is read from it, and each request
// on its connection's thread, after proxies were asked who the client is. Promises: a connection that may not be is closed at once and costs no more
// than its accept; a request that may not be gets 403 or 429; what is remembered of clients has a fixed size. A server with none of the settings
// has no ClientGuard.
using System.Net;
using System.Security.Cryptography;
using Waitress.Configuration;
using Waitress.Processes;
using Waitress.Telemetry;

namespace Waitress.Guards;

/// <summary>The settings <c>deny</c>, <c>allow</c>, <c>limit_per_address</c> and <c>rate_limit</c> in force. Any thread.</summary>
internal sealed class ClientGuard : IDisposable
{
    // Clients that a proxy calls by another word than an address (`unknown`, an obfuscated identifier) have one share together: they can't
    // be told apart by what they do not choose themselves. No address has this key, ffff:ffff::/32 being multicast.
    private const ulong Named = 0xFFFF_FFFE_0000_0000;

    private readonly AccessLists? _lists;
    private readonly OpenPerAddress? _open;
    private readonly RequestRates? _rates;
    private readonly TrustedProxies _proxies;
    private readonly GuardCounts _counts;

    private ClientGuard(Settings settings, GuardCounts counts, SharedClients? shared, Mailbox? log, TimeProvider time)
    {
        _counts = counts;
        _proxies = new TrustedProxies(settings.TrustedProxy);
        if (settings.LimitPerAddress is { } limit)
        {
            shared?.Counts.Begin();
            _open = new OpenPerAddress(limit, shared?.Counts);
        }

        if (settings.RateLimit is { } rate)
            _rates = new RequestRates(rate, shared?.Rates ?? OwnTable(), time);
        if (settings.Deny.Count + settings.Allow.Count > 0)
            _lists = new AccessLists(settings, log, time);
    }

    /// <summary>Null when nobody is kept out by these settings.</summary>
    /// <exception cref="IOException">A file of addresses has become unreadable since the settings were read.</exception>
    public static ClientGuard? From(Settings settings, GuardCounts counts, SharedClients? shared, Mailbox? log, TimeProvider time) =>
        settings is { Deny.Count: 0, Allow.Count: 0, LimitPerAddress: null, RateLimit: null } ? null : new ClientGuard(settings, counts, shared, log, time);

    /// <summary>Whether a new connection may be; false: it is to be closed.</summary>
    /// <param name="peer">Its other end; of unix sockets, which have no addresses, there is nothing to judge.</param>
    /// <param name="place">To be disposed at the connection's end.</param>
    public bool Admits(EndPoint? peer, out IDisposable? place)
    {
        place = null;
        if (peer is not IPEndPoint { Address: var address })
            return true;
        if (_lists?.Admits(address) == false)
        {
            _counts.Note(GuardReason.DeniedAddress, peer);
            return false;
        }

        // A proxy's connections are those of all its clients.
        if (_open is null || _proxies.Trusts(address))
            return true;
        place = _open.TryEnter(ClientTable.Key(address));
        if (place is null)
            _counts.Note(GuardReason.TooManyConnections, peer);
        return place is not null;
    }

    /// <summary>Whether a request may be, or what it gets instead.</summary>
    /// <param name="peer">The other end of its connection; null for a unix socket.</param>
    /// <param name="stated">Who the client is by the word of a trusted proxy (REMOTE_ADDR then), or null.</param>
    public Refusal? Judge(IPAddress? peer, string? stated)
    {
        var address = stated is null ? peer : Address(stated);
        var isNamed = stated is not null && address is null;
        if (_lists?.Admits(address, isNamed) == false)
        {
            _counts.Note(GuardReason.DeniedClient, (object?)stated ?? peer);

            // A client that is denied itself is sent away; a proxy has other clients on the same connection.
            return stated is null ? Refusal.Forbidden : Refusal.ForbiddenClient;
        }

        if (_rates is null || (address is null && !isNamed))
            return null;
        var wait = _rates.Take(address is null ? Named : ClientTable.Key(address));
        if (wait == 0)
            return null;
        _counts.Note(GuardReason.TooManyRequests, (object?)stated ?? peer);
        return Refusal.TooManyRequests with { RetryAfter = wait };
    }

    /// <summary>Counts a request that was refused for what it is, before anybody could say whose it is: nobody sends bad ones for nothing. A proxy's are its clients'.</summary>
    /// <param name="peer">As for <see cref="Judge"/>.</param>
    public void Charge(IPAddress? peer)
    {
        if (_rates is not null && peer is not null && !_proxies.Trusts(peer))
            _rates.Take(ClientTable.Key(peer));
    }

    public void Dispose() => _lists?.Dispose();

    // IPAddress also reads identifiers such as `0x7f000001`, which a proxy has not meant as an address.
    private static IPAddress? Address(string stated) =>
        (stated.Contains(':') || ClientAddress.IsIpv4(stated)) && IPAddress.TryParse(stated, out var address) ? address : null;

    private static ClientTable OwnTable()
    {
        var seed = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        return new ClientTable(new OwnMemory((int)ClientTable.Size(RequestRates.Clients)), 0, RequestRates.Clients, seed);
    }
}
