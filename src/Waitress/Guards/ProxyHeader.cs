namespace Waitress.Guards;

/// <summary>The six headers by which a proxy tells about its client; a set of them.</summary>
[Flags]
internal enum ProxyHeader
{
    None = 0,
    XForwardedFor = 1,
    XForwardedHost = 2,
    XForwardedProto = 4,
    XForwardedPort = 8,
    XForwardedBy = 16,
    Forwarded = 32,
    All = 63,
}

/// <summary>The names of the six, both ways.</summary>
internal static class ProxyHeaderNames
{
    public const int Count = 6;

    private static readonly string[] Names =
        ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-By", "Forwarded"];

    /// <summary>The member for a header's name in any case; None for any other header.</summary>
    public static ProxyHeader Read(string name)
    {
        // Nearly every header of a request ends here: only names of these lengths and first letters are worth comparing.
        if (name.Length is not (9 or (>= 14 and <= 17)) || (name[0] | 0x20) is not ('x' or 'f')) return ProxyHeader.None;
        for (var i = 0; i < Names.Length; i++)
            if (name.Equals(Names[i], StringComparison.OrdinalIgnoreCase))
                return (ProxyHeader)(1 << i);
        return ProxyHeader.None;
    }

    /// <summary>The bit's number of a single member, 0 to 5.</summary>
    public static int Index(ProxyHeader one) => System.Numerics.BitOperations.TrailingZeroCount((int)one);

    /// <summary>The name of a single member, as its RFC or custom writes it.</summary>
    public static string Name(ProxyHeader one) => Names[Index(one)];

    /// <summary>The names of a set, comma-separated, for the log.</summary>
    public static string List(ProxyHeader set) =>
        string.Join(", ", Names.Where((_, i) => set.HasFlag((ProxyHeader)(1 << i))));
}
