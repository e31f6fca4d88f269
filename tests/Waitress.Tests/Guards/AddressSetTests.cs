using System.Buffers.Binary;
using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Waitress.Guards;

namespace Waitress.Tests.Guards;

public sealed class AddressSetTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("192.0.2.1/32", "192.0.2.1")]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:10.0.0.0/104", "10.0.0.0/8")]
    [InlineData("2001:DB8:0::1", "2001:db8::1")]
    [InlineData("2001:db8::/32", "2001:db8::/32")]
    [InlineData("::/0", "::/0")]
    public void Range_Text_HasOneForm(string text, string form)
    {
        Assert.True(AddressRange.TryParse(text, out var range));
        Assert.Equal(form, range.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("all")]
    [InlineData("*")]
    [InlineData("localhost")]
    [InlineData("10")]
    [InlineData("10.0.0")]
    [InlineData("010.0.0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.1/8")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.0 /8")]
    [InlineData("10.0.0.0/255.0.0.0")]
    [InlineData("2001:db8::1/32")]
    [InlineData("2001:db8::/129")]
    [InlineData("[2001:db8::1]")]
    [InlineData("fe80::1%eth0")]
    [InlineData("1:2")]
    [InlineData("0x7f000001")]
    public void Range_OtherText_IsRefused(string text) => Assert.False(AddressRange.TryParse(text, out _));

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("10.0.0.0/8 12.0.0.0/8", "11.255.255.255", false)]
    [InlineData("10.0.0.0/8 12.0.0.0/8", "12.0.0.0", true)]
    [InlineData("10.0.0.0/8 12.0.0.0/8", "10.255.255.255", true)]
    [InlineData("10.0.0.0/8 10.1.0.0/16 10.1.2.3", "10.200.0.1", true)]
    [InlineData("0.0.0.0/0", "255.255.255.255", true)]
    [InlineData("0.0.0.0/0 0.0.0.0", "0.0.0.0", true)]
    [InlineData("0.0.0.0/0", "::1", false)]
    [InlineData("::/0", "10.0.0.1", false)]
    [InlineData("::/0", "::ffff:10.0.0.1", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("2001:db8::/64", "2001:db8:0:0:ffff::", true)]
    [InlineData("2001:db8::/64", "2001:db8:0:1::", false)]
    [InlineData("fe80::1", "fe80::1%3", true)]
    public void Contains_Address_IfARangeHoldsIt(string ranges, string address, bool contained) =>
        Assert.Equal(contained, Set(ranges.Split(' ')).Contains(IPAddress.Parse(address)));

    [Fact]
    public void Contains_Nothing_Nobody()
    {
        Assert.False(Set().Contains(IPAddress.Loopback));
        Assert.False(Set().Contains(IPAddress.IPv6Loopback));
    }

    [Fact]
    public void Count_TouchingAndOverlapping_AreOne() =>
        Assert.Equal(3, Set("10.0.0.0/9", "10.128.0.0/9", "10.5.0.0/16", "192.0.2.1", "2001:db8::/33", "2001:db8:8000::/33").Count);

    /// <summary>The definition itself: some range holds it. In a small world, so that ranges overlap, touch and are hit.</summary>
    [Fact]
    public void Contains_AnyRanges_AsOneByOne() =>
        Prop.ForAll(
            Gen.Choose(0, 255).Zip(Gen.Choose(24, 32)).ListOf().ToArbitrary(),
            pairs =>
            {
                var ranges = pairs.Select(pair => Range(pair.Item1 & (0xFF << (32 - pair.Item2)), pair.Item2)).ToList();
                var set = new AddressSet(ranges);
                return Enumerable.Range(0, 256).All(last =>
                    set.Contains(Address(last)) == ranges.Any(range => range.First <= Number(last) && Number(last) <= range.Last));
            }).QuickCheckThrowOnFailure();

    [Fact]
    public void Contains_HundredThousandRanges_FindsEach()
    {
        var ranges = new List<AddressRange>();
        for (var i = 0; i < 100_000; i++)
            ranges.Add(new AddressRange(true, (UInt128)(uint)(i * 4096), (UInt128)(uint)((i * 4096) + 255)));
        var set = new AddressSet(ranges);
        Assert.Equal(100_000, set.Count);
        for (var i = 0; i < 100_000; i++)
        {
            Assert.True(set.Contains(Ip((uint)((i * 4096) + 255))));
            Assert.False(set.Contains(Ip((uint)((i * 4096) + 256))));
        }
    }

    private static AddressSet Set(params string[] texts) => new([.. texts.Select(text =>
    {
        Assert.True(AddressRange.TryParse(text, out var range), text);
        return range;
    })]);

    private static uint Number(int last) => 0x0A00_0000u + (uint)last;

    private static IPAddress Address(int last) => Ip(Number(last));

    private static IPAddress Ip(uint number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return new IPAddress(bytes);
    }

    private static AddressRange Range(int last, int length)
    {
        Assert.True(AddressRange.TryParse($"10.0.0.{last}/{length}", out var range));
        return range;
    }
}
