using System.Net;

namespace Waitress.Guards;

/// <summary>Where a <see cref="ClientTable"/> keeps its numbers: this process's memory, or memory that several processes share.</summary>
internal interface IClientMemory
{
    /// <summary>Reads as many numbers as the target holds; nothing is consistent across several of them.</summary>
    void Read(long at, long[] target);

    void Write(long at, long value);
}

/// <summary>Memory of this process alone.</summary>
internal sealed class OwnMemory(int length) : IClientMemory
{
    private readonly long[] _numbers = new long[length];

    public void Read(long at, long[] target) => Array.Copy(_numbers, at, target, 0, target.Length);

    public void Write(long at, long value) => _numbers[at] = value;
}

/// <summary>
/// A number for each of many clients, in a table of fixed size that never grows: 16 bytes per client, in buckets of eight that
/// are chosen by a keyed hash, so that clients can't choose to share one. Where a bucket is full the entry that its user values least
/// gives way. One thread of a process at a time; other processes may write in between, each entry on its own.
/// </summary>
/// <param name="memory">Where it is.</param>
/// <param name="start">The number of its first number there.</param>
/// <param name="clients">How many it holds; a power of two, at least 8.</param>
/// <param name="seed">The key of the hash, the same for all that share the memory.</param>
internal sealed class ClientTable(IClientMemory memory, long start, int clients, ulong seed)
{
    private const int Ways = 8;

    // Keys first, then values: a bucket is two cache lines, and read at once.
    private readonly long[] _bucket = new long[2 * Ways];
    private long _at;
    private long _stored;

    /// <summary>How many numbers it takes of its memory.</summary>
    public static long Size(int clients) => 2L * clients;

    /// <summary>
    /// What a client is told apart by: an IPv4 address, or the first 64 bits of an IPv6 address, since one client has all addresses
    /// of such a network to choose from (RFC 4291 section 2.5.1, RFC 8981).
    /// </summary>
    public static ulong Key(IPAddress address) => AddressRange.TryIpv4(address, out var number)
        ? 0xFFFF_FFFF_0000_0000 | number // No network of clients: ffff::/16 is multicast.
        : (ulong)(AddressRange.Ipv6(address) >> 64);

    /// <summary>The client's number; null when it has none. <see cref="Set"/> afterwards means the same client.</summary>
    public long? Find(ulong key)
    {
        var mixed = Mix(key ^ seed);
        _at = start + (2 * Ways * (long)(mixed % (ulong)(clients / Ways)));
        _stored = mixed == 0 ? 1 : (long)mixed; // 0 is a free place. The mixing is one to one, so what is stored is the client.
        memory.Read(_at, _bucket);
        var way = Array.IndexOf(_bucket, _stored, 0, Ways);
        return way < 0 ? null : _bucket[Ways + way];
    }

    /// <summary>
    /// Gives the client that was last asked for a number. A client that has no place yet gets one that is free, or that of the least
    /// number when that is below <paramref name="giveWay"/>; else it gets none.
    /// </summary>
    public void Set(long value, long giveWay)
    {
        var way = Array.IndexOf(_bucket, _stored, 0, Ways);
        if (way < 0)
        {
            way = Array.IndexOf(_bucket, 0, 0, Ways);
            if (way < 0)
            {
                way = 0;
                for (var other = 1; other < Ways; other++)
                    way = _bucket[Ways + other] < _bucket[Ways + way] ? other : way;
                if (_bucket[Ways + way] >= giveWay)
                    return;
            }

            // The number first: under the new key nobody may find the old client's.
            memory.Write(_at + Ways + way, value);
            memory.Write(_at + way, _stored);
            return;
        }

        memory.Write(_at + Ways + way, value);
    }

    /// <summary>Gives the place of the client that was last asked for back.</summary>
    public void Remove()
    {
        var way = Array.IndexOf(_bucket, _stored, 0, Ways);
        if (way >= 0)
            memory.Write(_at + way, 0);
    }

    /// <summary>Forgets everybody.</summary>
    public void Clear()
    {
        for (var at = start; at < start + Size(clients); at++)
            memory.Write(at, 0);
    }

    // The finalizer of MurmurHash3 (public domain): one to one, each bit of the input moves each of the output.
    private static ulong Mix(ulong key)
    {
        key = (key ^ (key >> 33)) * 0xFF51AFD7ED558CCD;
        key = (key ^ (key >> 33)) * 0xC4CEB9FE1A85EC53;
        return key ^ (key >> 33);
    }
}
