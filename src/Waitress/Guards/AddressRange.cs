using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Waitress.Guards;

/// <summary>
/// An address or a network in CIDR form (RFC 4632, RFC 4291 section 2.3), as the first and the last of its addresses. IPv4 written as IPv6
/// (<c>::ffff:192.0.2.1</c>) is IPv4, since a socket of both families shows its IPv4 peers so.
/// </summary>
/// <param name="IsIpv4">Whether the two are IPv4 addresses; else they are IPv6 ones, all 128 bits.</param>
/// <param name="First">The lowest address.</param>
/// <param name="Last">The highest address, itself included.</param>
internal readonly record struct AddressRange(bool IsIpv4, UInt128 First, UInt128 Last)
{
    private const int MappedBits = 96;

    private static readonly UInt128 Mapped = (UInt128)0xFFFF << 32;

    /// <summary>
    /// Reads one. False for anything else: a name, <c>all</c>, an IPv4 address in another form than four decimal numbers, and a network
    /// whose address has bits beyond its prefix, which may mean one host or the whole network.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out AddressRange range)
    {
        range = default;
        var slash = text.IndexOf('/');
        var written = slash < 0 ? text : text[..slash];
        var isIpv4 = ClientAddress.IsIpv4(written);
        if (!isIpv4 && (!written.Contains(':') || written.ContainsAnyExcept(HttpText.Ipv6)))
            return false;
        if (!IPAddress.TryParse(written, out var address))
            return false;
        var whole = isIpv4 ? 32 : 128;
        var length = whole;
        if (slash >= 0 && (text.Length - slash is < 2 or > 4 || !int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out length)
            || length > whole))
            return false;
        var first = isIpv4 ? Ipv4(address) : Ipv6(address);
        if (!isIpv4 && length >= MappedBits && first >> 32 == Mapped >> 32)
            (isIpv4, first, length, whole) = (true, first & uint.MaxValue, length - MappedBits, 32);
        var others = length == 0 ? (isIpv4 ? uint.MaxValue : UInt128.MaxValue) : (UInt128.One << (whole - length)) - 1;
        range = new AddressRange(isIpv4, first, first | others);
        return (first & others) == 0;
    }

    /// <summary>The number of an IPv4 address, also of one that is written as IPv6; false for others.</summary>
    public static bool TryIpv4(IPAddress address, out uint number)
    {
        number = 0;
        if (address.AddressFamily != AddressFamily.InterNetwork && !address.IsIPv4MappedToIPv6)
            return false;
        number = Ipv4(address);
        return true;
    }

    /// <summary>The number of an IPv6 address; a zone is no part of it.</summary>
    public static UInt128 Ipv6(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <summary>In its shortest form: <c>192.0.2.1</c>, <c>10.0.0.0/8</c>.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, First);
        var address = new IPAddress(IsIpv4 ? bytes[12..] : bytes);
        var whole = IsIpv4 ? 32 : 128;
        var length = whole - (128 - (int)UInt128.LeadingZeroCount(Last - First));
        return length == whole ? address.ToString() : string.Create(CultureInfo.InvariantCulture, $"{address}/{length}");
    }

    private static uint Ipv4(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes[(length - 4)..]);
    }
}
