using System.Globalization;

namespace Waitress.Listening;

/// <summary>
/// Ports by the name of their service. .NET has no <c>getservbyname</c>; the file behind it has one line per service: the name, the
/// port with its protocol, then aliases, and a comment after <c>#</c>. Names from other sources (NIS, LDAP) are not seen.
/// </summary>
internal static class Services
{
    private const string Path = "/etc/services";

    /// <summary>Looks <paramref name="name"/> up among the TCP services of this machine.</summary>
    public static bool TryFind(string name, out int port)
    {
        try
        {
            return TryFind(name, File.ReadLines(Path), out port);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            port = 0;
            return false;
        }
    }

    /// <summary>Looks <paramref name="name"/> up among <paramref name="lines"/> in the form of services(5).</summary>
    public static bool TryFind(string name, IEnumerable<string> lines, out int port)
    {
        foreach (var line in lines)
        {
            var fields = line.Split('#', 2)[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 2 || !fields[1].EndsWith("/tcp", StringComparison.Ordinal))
                continue;
            if (fields.Where((_, i) => i != 1).Contains(name, StringComparer.Ordinal) &&
                int.TryParse(fields[1].AsSpan(0, fields[1].Length - 4), NumberStyles.None, CultureInfo.InvariantCulture, out port))
                return true;
        }

        port = 0;
        return false;
    }
}
