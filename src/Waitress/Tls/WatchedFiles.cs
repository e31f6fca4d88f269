using Waitress.Configuration;

namespace Waitress.Tls;

/// <summary>What was read from files, and in which state they were then.</summary>
internal sealed record Loaded<T>(string Stamp, T Value);

/// <summary>
/// Files that are read as one thing, and again when they change. What can't be read does not take the place of what is in force, and is told
/// once per change: at the second look that finds the files so, since a pair that is being replaced is broken for a moment.
/// </summary>
/// <param name="what">What they hold, for the log.</param>
/// <param name="files">Their paths.</param>
/// <param name="first">What is in force.</param>
/// <param name="load">Reads them; a null value comes with the reason.</param>
/// <param name="tell">Takes what they hold and the reason.</param>
internal sealed class WatchedFiles<T>(string what, IReadOnlyList<string> files, Loaded<T> first, WatchedFiles<T>.Reader load, Action<string, string> tell)
    where T : class
{
    private string _good = first.Stamp;
    private string? _bad;
    private bool _told;

    public delegate T? Reader(out string? error);

    public T Value { get; private set; } = first.Value;

    /// <summary>Reads the files if they have changed; true when there is a new value.</summary>
    /// <param name="patient">Whether a failure waits for the next look before it is told.</param>
    public bool Look(bool patient)
    {
        var stamp = StampOf(files);
        if (stamp == _good)
        {
            _bad = null; // What was broken has been put back.
            return false;
        }

        var again = stamp == _bad;
        if (again && _told)
            return false;
        if (load(out var error) is { } value)
        {
            (_good, _bad, Value) = (stamp, null, value);
            return true;
        }

        (_bad, _told) = (stamp, again || !patient);
        if (_told)
            tell(what, error ?? "");
        return false;
    }

    /// <summary>Changes when a file is written to, replaced, or reached through a link that leads elsewhere (certbot, Kubernetes).</summary>
    public static string StampOf(IEnumerable<string> files) => string.Join('\n', files.Select(StampOf));

    private static string StampOf(string path) => FileStamp.Of(path).ToString();
}
