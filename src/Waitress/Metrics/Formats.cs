using Microsoft.Net.Http.Headers;

namespace Waitress.Metrics;

/// <summary>Which format an Accept header asks for (RFC 9110 section 12.5.1).</summary>
internal static class Formats
{
    private const string OpenMetrics = "application/openmetrics-text";

    // A scraper's has five items; a longer one is not worth reading.
    private const int LongestHeader = 2048;

    /// <summary>True for OpenMetrics: named, and wanted no less than plain text. Whatever can't be served otherwise gets plain text.</summary>
    public static bool WantsOpenMetrics(string? accept)
    {
        if (accept is null || accept.Length > LongestHeader || !accept.Contains(OpenMetrics, StringComparison.OrdinalIgnoreCase)
            || !MediaTypeHeaderValue.TryParseList([accept], out var wanted))
            return false;
        var ours = wanted.Where(type => type.MediaType.Equals(OpenMetrics, StringComparison.OrdinalIgnoreCase) && Version(type) is null or "1.0.0").Max(Quality);
        var plain = wanted.Where(type => type.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase)).Max(Quality);
        return ours > 0 && ours >= (plain ?? 0);
    }

    private static double? Quality(MediaTypeHeaderValue type) => type.Quality ?? 1;

    private static string? Version(MediaTypeHeaderValue type) => type.Parameters
        .FirstOrDefault(parameter => parameter.Name.Equals("version", StringComparison.OrdinalIgnoreCase))?.GetUnescapedValue().ToString();
}
