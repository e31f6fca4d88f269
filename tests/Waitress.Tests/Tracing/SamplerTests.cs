using Waitress.Tracing;

namespace Waitress.Tests.Tracing;

public sealed class SamplerTests
{
    private static readonly TraceParent Yes = new(1, 2, 3, true), No = new(1, 2, 3, false);

    [Theory]
    [InlineData("always_on", true, true, true)]
    [InlineData("always_off", false, false, false)]
    [InlineData("parentbased_always_on", true, true, false)]
    [InlineData("parentbased_always_off", false, true, false)]
    public void Takes_ByName_DecidesForRootsAndChildren(string name, bool root, bool ofSampled, bool ofUnsampled)
    {
        var sampler = Sampler.Parse(name, null)!.Value;
        Assert.Equal((root, ofSampled, ofUnsampled), (sampler.Takes(null, 7), sampler.Takes(Yes, 7), sampler.Takes(No, 7)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.25)]
    [InlineData(1)]
    public void Takes_WithARatio_TakesThatShareByTheTracesId(double ratio)
    {
        var sampler = Sampler.Parse("traceidratio", ratio)!.Value;
        var random = new Random(5);
        var taken = Enumerable.Range(0, 20_000).Count(_ => sampler.Takes(null, (ulong)random.NextInt64(long.MinValue, long.MaxValue)));
        Assert.InRange(taken / 20_000.0, ratio - 0.02, ratio + 0.02);
        Assert.Equal(sampler.Takes(null, 12345), sampler.Takes(Yes, 12345));
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("jaeger_remote", null)]
    [InlineData("traceidratio", 1.5)]
    [InlineData("parentbased_traceidratio", -0.1)]
    public void Parse_OfNone_IsNull(string name, double? ratio) => Assert.Null(Sampler.Parse(name, ratio));
}
