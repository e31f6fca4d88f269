using System.Net;
using System.Net.Sockets;

namespace Waitress.Guards;

/// <summary>
/// The peers whose proxy headers are believed: addresses, networks in CIDR form, `*` for every peer, `localhost` for peers on a
/// unix socket (Waitress's REMOTE_ADDR for these). Immutable, so any thread may ask.
/// </summary>
internal sealed class TrustedProxies
{
    private readonly bool _everyone;
    private readonly bool _unixPeers;
    private readonly (IPNetwork Network, long Zone)[] _networks;

    /// <exception cref="FormatException">An entry is none of the four; SettingsReader lets no such one through.</exception>
    public TrustedProxies(IEnumerable<string> entries)
    {
        var networks = new List<(IPNetwork, long)>();
        foreach (var entry in entries)
        {
            if (entry == "*") _everyone = true;
            else if (entry == "localhost") _unixPeers = true;
            else if (TryRead(entry, out var network, out var zone)) networks.Add((network, zone));
            else throw new FormatException($"'{entry}' is no address, no network, not '*' and not 'localhost'");
        }
        _networks = [.. networks];
    }

    /// <summary>Whether the peer is one of them; null stands for a peer on a unix socket.</summary>
    public bool Trusts(IPAddress? peer)
    {
        if (_everyone) return true;
        if (peer is null) return _unixPeers;
        // A socket that serves both families shows IPv4 peers as ::ffff:a.b.c.d; the settings name them in IPv4.
        peer = ClientAddress.Plain(peer);
        foreach (var (network, zone) in _networks)
        {
            // A zone is only compared when the entry names one; the address alone means it on every link.
            if (network.Contains(peer) && (zone == 0 || zone == peer.ScopeId)) return true;
        }
        return false;
    }

    private static bool TryRead(string text, out IPNetwork network, out long zone)
    {
        zone = 0;
        if (text.Contains('/'))
        {
            if (!IPNetwork.TryParse(text, out network)) return false;
            // `10.0.0.1/8` may mean one host or the whole network. .NET 9 refuses it, .NET 10 takes the network; too much trust to guess.
            if (!IPAddress.TryParse(text.AsSpan(0, text.IndexOf('/')), out var written) || !written.Equals(network.BaseAddress)) return false;
            if (network.BaseAddress.IsIPv4MappedToIPv6 && network.PrefixLength >= 96)
                network = new IPNetwork(network.BaseAddress.MapToIPv4(), network.PrefixLength - 96);
            return true;
        }
        network = default;
        if (!IPAddress.TryParse(text, out var address)) return false;
        address = ClientAddress.Plain(address);
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            // IPAddress also reads `1` as 0.0.0.1; such an entry is a slip that would silently trust nobody.
            if (!text.Contains(':') && text.AsSpan().Count('.') != 3) return false;
            network = new IPNetwork(address, 32);
            return true;
        }
        zone = address.ScopeId;
        network = new IPNetwork(new IPAddress(address.GetAddressBytes()), 128);
        return true;
    }
}
