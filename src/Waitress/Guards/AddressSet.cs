using System.Net;
using System.Numerics;

namespace Waitress.Guards;

/// <summary>
/// Addresses and networks that one question is asked of: is this address among them? Sorted ranges without overlaps, found by
/// halving: 17 steps for 100,000. Holds 8 bytes per range of IPv4 and 32 per range of IPv6. Immutable, so any thread may ask.
/// </summary>
internal sealed class AddressSet
{
    private readonly uint[] _first4, _last4;
    private readonly UInt128[] _first6, _last6;

    /// <param name="ranges">In any order; they may overlap.</param>
    public AddressSet(IReadOnlyCollection<AddressRange> ranges)
    {
        (_first4, _last4) = Merge(ranges.Where(range => range.IsIpv4), number => (uint)number);
        (_first6, _last6) = Merge(ranges.Where(range => !range.IsIpv4), number => number);
    }

    /// <summary>Ranges after those that touch were made one.</summary>
    public int Count => _first4.Length + _first6.Length;

    public bool Contains(IPAddress address) => AddressRange.TryIpv4(address, out var number)
        ? Contains(_first4, _last4, number)
        : _first6.Length > 0 && Contains(_first6, _last6, AddressRange.Ipv6(address));

    private static bool Contains<T>(T[] first, T[] last, T number)
        where T : IBinaryInteger<T>
    {
        var at = Array.BinarySearch(first, number);

        // Below zero: the complement of the place of the next larger one, so the range that may hold it stands before that.
        return at >= 0 || (at != -1 && number <= last[~at - 1]);
    }

    private static (T[] First, T[] Last) Merge<T>(IEnumerable<AddressRange> ranges, Func<UInt128, T> narrow)
        where T : IBinaryInteger<T>
    {
        List<T> first = [], last = [];
        foreach (var range in ranges.OrderBy(range => range.First))
        {
            var (from, to) = (narrow(range.First), narrow(range.Last));

            // Sorted, so it begins behind the one before, or touches it. Zero has nothing below it.
            if (last.Count > 0 && (from == T.Zero || from - T.One <= last[^1]))
            {
                last[^1] = T.Max(last[^1], to);
                continue;
            }

            first.Add(from);
            last.Add(to);
        }

        return ([.. first], [.. last]);
    }
}
