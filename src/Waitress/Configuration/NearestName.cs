namespace Waitress.Configuration;

/// <summary>Finds the known name that a misspelled one most likely meant.</summary>
internal static class NearestName
{
    // No option's name comes near this length; what is longer was not misspelled.
    private const int LongestName = 64;

    /// <summary>
    /// " (did you mean NAME?)", or nothing where no name is near. <paramref name="prefix"/> is what every name begins
    /// with; it does not count, or short names would all be near.
    /// </summary>
    public static string Suggest(string given, IEnumerable<string> names, string prefix = "")
    {
        if (given.Length > LongestName || !given.StartsWith(prefix, StringComparison.Ordinal)) return "";
        given = given[prefix.Length..];
        // A third of the letters may differ: more, and the suggestion would puzzle rather than help.
        var nearest = names.Select(name => (Name: name, Distance: Distance(given, name[prefix.Length..]))).MinBy(pair => pair.Distance);
        return nearest.Name is not null && nearest.Distance <= Math.Max(1, given.Length / 3) ? $" (did you mean {nearest.Name}?)" : "";
    }

    // Levenshtein's distance with one row of the table kept.
    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var change = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[^1];
    }
}
