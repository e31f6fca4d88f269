namespace Waitress.Tracing;

/// <summary>Which requests have a span (OpenTelemetry's samplers of OTEL_TRACES_SAMPLER).</summary>
/// <param name="FollowsParent">Whether the caller's decision counts, where there is a caller.</param>
/// <param name="Ratio">The share of traces otherwise, 0 to 1.</param>
internal readonly record struct Sampler(bool FollowsParent, double Ratio)
{
    /// <summary>OpenTelemetry's default, parentbased_always_on.</summary>
    public static readonly Sampler Default = new(true, 1);

    // By the last 56 bits of the id, which are random (W3C Trace Context level 2): so each service of a trace decides alike.
    private const int RandomBits = 56;
    private const ulong RandomMask = (1UL << RandomBits) - 1;

    private readonly ulong _least = (ulong)Math.Round((1 - Ratio) * (1UL << RandomBits));

    /// <summary>Null for a name that there is not, or an argument that is none of its.</summary>
    public static Sampler? Parse(string name, double? ratio) => (name, ratio) switch
    {
        ("always_on", _) => new(false, 1),
        ("always_off", _) => new(false, 0),
        ("traceidratio", var share and (null or (>= 0 and <= 1))) => new(false, share ?? 1),
        ("parentbased_always_on", _) => new(true, 1),
        ("parentbased_always_off", _) => new(true, 0),
        ("parentbased_traceidratio", var share and (null or (>= 0 and <= 1))) => new(true, share ?? 1),
        _ => null,
    };

    public bool Takes(in TraceParent? parent, ulong low) => FollowsParent && parent is { } caller ? caller.Sampled : (low & RandomMask) >= _least;
}
