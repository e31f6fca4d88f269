namespace Waitress.FunctionalTests.Harness;

/// <summary>How the bytes of one request are cut into sends. A parser must not care.</summary>
public enum Segmentation
{
    /// <summary>One send.</summary>
    Whole,

    /// <summary>One send per byte.</summary>
    Bytes,

    /// <summary>A cut inside and after each CRLF.</summary>
    Lines,
}

internal static class Segments
{
    public static IEnumerable<ReadOnlyMemory<byte>> Cut(this Segmentation segmentation, ReadOnlyMemory<byte> bytes)
    {
        var start = 0;
        for (var index = 0; index < bytes.Length; index++)
        {
            var cut = segmentation switch
            {
                Segmentation.Bytes => true,
                Segmentation.Lines => bytes.Span[index] is (byte)'\r' or (byte)'\n',
                _ => false,
            };
            if (cut)
            {
                yield return bytes[start..(index + 1)];
                start = index + 1;
            }
        }

        if (start < bytes.Length)
        {
            yield return bytes[start..];
        }
    }
}
