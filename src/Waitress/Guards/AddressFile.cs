using System.Security;
using Waitress.Configuration;

namespace Waitress.Guards;

/// <summary>
/// A file of addresses and networks: one per line; what follows a <c>#</c> is a comment, empty lines are passed over. It is read whole or
/// not at all: half a list would let in, or shut out, whom nobody meant.
/// </summary>
internal sealed class AddressFile
{
    /// <summary>Entries of one file at most: 8 MB of IPv4, 32 MB of IPv6. All of the internet's networks are about that many.</summary>
    public const int MostEntries = 1_000_000;

    // What a million entries with short comments take; a larger file is another one than was meant.
    private const long MostBytes = 64 << 20;

    // The longest entry has 43 characters; the rest is room for a comment.
    private const int LongestLine = 4096;

    private readonly string _path;
    private FileStamp _read, _seen;

    private AddressFile(string path, AddressSet addresses, FileStamp read)
    {
        (_path, Addresses) = (path, addresses);
        _read = _seen = read;
    }

    public string Path => _path;

    /// <summary>What was in it when it was last whole.</summary>
    public AddressSet Addresses { get; private set; }

    /// <summary>Reads a file; null with the reason, in one line that names the file, when it can't be had or an entry is none.</summary>
    public static AddressFile? Open(string path, out string? error)
    {
        var stamp = FileStamp.Of(path);
        error = Read(path, out var addresses);
        return error is null ? new AddressFile(path, addresses!, stamp) : null;
    }

    /// <summary>
    /// Reads it again if it has changed and rests since the last look: one that is just being written is left until it is whole. To be
    /// called every few seconds, by one thread at a time.
    /// </summary>
    /// <param name="error">Why what is there now is of no use, once per change; <see cref="Addresses"/> stays what it was.</param>
    /// <returns>Whether <see cref="Addresses"/> is new.</returns>
    public bool Look(out string? error)
    {
        error = null;
        var now = FileStamp.Of(_path);
        var rests = now == _seen;
        _seen = now;
        if (!rests || now == _read)
            return false;
        error = Read(_path, out var addresses);

        // Changed while it was read: whatever came of it, the next look has the final word.
        if (FileStamp.Of(_path) != now)
        {
            error = null;
            return false;
        }

        _read = now;
        if (error is not null)
            return false;
        Addresses = addresses!;
        return true;
    }

    private static string? Read(string path, out AddressSet? addresses)
    {
        addresses = null;
        var ranges = new List<AddressRange>();
        var number = 0;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MostBytes })
                return $"{Shown(path)}: larger than {MostBytes >> 20} MiB";
            foreach (var line in File.ReadLines(path))
            {
                number++;
                if (line.Length > LongestLine)
                    return $"{Shown(path)}, line {number}: longer than {LongestLine} characters";
                var comment = line.IndexOf('#', StringComparison.Ordinal);
                var entry = line.AsSpan(0, comment < 0 ? line.Length : comment).Trim();
                if (entry.IsEmpty)
                    continue;
                if (!AddressRange.TryParse(entry, out var range))
                    return $"{Shown(path)}, line {number}: no address and no range such as 10.0.0.0/8";
                if (ranges.Count == MostEntries)
                    return $"{Shown(path)}: more than {MostEntries} entries";
                ranges.Add(range);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or SecurityException)
        {
            return $"{Shown(path)}: {Reason(e)}";
        }

        addresses = new AddressSet(ranges);
        return null;
    }

    private static string Shown(string path) => RawValue.Quote(path);

    private static string Reason(Exception failure) => failure switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file",
        UnauthorizedAccessException => "it can't be read: permission denied, or it is a folder",
        _ => "it can't be read",
    };
}
