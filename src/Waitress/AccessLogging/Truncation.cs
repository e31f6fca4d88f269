using Microsoft.Win32.SafeHandles;

namespace Waitress.AccessLogging;

/// <summary>
/// logrotate's copytruncate copies the file, then cuts it to nothing; lines that are appended in between are in neither. A process that finds
/// its last lines gone looks for the copy and writes again exactly those of its lines that lie behind the copy's end. Used by the writer's thread.
/// </summary>
internal sealed class Truncation(RecentLines recent)
{
    // What tells one life of the file from another where no line of ours is in the copy.
    private const int HeadLength = 256;

    // Files with names like the log's that are looked at, newest first.
    private const int MostCandidates = 32;

    private byte[] _head = [];

    /// <summary>What came of a search.</summary>
    /// <param name="Found">Whether the copy was found.</param>
    /// <param name="Missed">Bytes of whole lines that it lacks.</param>
    /// <param name="Lines">How many.</param>
    /// <param name="Complete">False when more was written meanwhile than is kept.</param>
    public sealed record Outcome(bool Found, byte[] Missed, int Lines, bool Complete);

    /// <summary>The file was opened, or begins anew.</summary>
    public void Begin()
    {
        recent.Clear();
        _head = [];
    }

    /// <summary>Bytes were written.</summary>
    /// <param name="file">Where.</param>
    /// <param name="start">Their place in the file.</param>
    /// <param name="bytes">What.</param>
    public void Note(LogFile file, long start, ReadOnlySpan<byte> bytes)
    {
        recent.Add(start, bytes);
        if (_head.Length < HeadLength)
            _head = file.Head(HeadLength);
    }

    /// <summary>Whether the file still holds what this process wrote last.</summary>
    public bool IsIntact(LogFile file) => recent.IsEmpty || IsIntact(file, recent.Newest);

    /// <summary>The end of a write is enough: it is the part that goes first, and that others would write over last.</summary>
    public bool IsIntact(LogFile file, RecentLines.Piece piece)
    {
        var part = Math.Min(piece.Length, 512);
        return file.Holds(recent.BytesOf(piece)[^part..], piece.End - part);
    }

    /// <summary>The lines among those up to a piece that the copy of the truncated file lacks.</summary>
    public Outcome FindMissed(string path, RecentLines.Piece last)
    {
        // By their order: what was written since has lower places.
        var lost = recent.Pieces.ToArray();
        lost = lost[..(Array.IndexOf(lost, last) + 1)];
        foreach (var candidate in Candidates(path))
        {
            try
            {
                using var copy = File.OpenHandle(candidate, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                var size = RandomAccess.GetLength(copy);
                if (!IsCopy(copy, size, lost))
                    continue;
                using var missed = new MemoryStream();
                var lines = lost.Sum(piece => WriteBeyond(missed, piece, size));
                return new Outcome(true, missed.ToArray(), lines, recent.ForgottenTo <= size);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Renamed on, compressed or another user's: then it is not this one.
            }
        }

        return new Outcome(false, [], 0, true);
    }

    // The last lines of ours that it can hold are there, where they were; where it holds none, it begins as the file did.
    private bool IsCopy(SafeFileHandle copy, long size, RecentLines.Piece[] lost)
    {
        var inside = Array.FindLastIndex(lost, piece => piece.End <= size);
        return inside >= 0
            ? LogFile.Holds(copy, recent.BytesOf(lost[inside]), lost[inside].Start)
            : _head.Length > 0 && size > 0 && LogFile.Holds(copy, _head.AsSpan(0, (int)Math.Min(size, _head.Length)), 0);
    }

    private int WriteBeyond(MemoryStream missed, RecentLines.Piece piece, long size)
    {
        var bytes = recent.BytesOf(piece);
        var lines = 0;
        for (var start = 0; start < bytes.Length;)
        {
            var end = start + bytes[start..].IndexOf((byte)'\n') + 1;
            if (end == start)
                break; // A torn line, whose rest is written later.
            if (piece.Start + end > size)
            {
                missed.Write(bytes[start..end]);
                lines++;
            }

            start = end;
        }

        return lines;
    }

    // Beside the log or in a folder there (olddir), with a name that begins as the log's: access.log.1, access.log-20261122, access-20261122.log.
    private static List<string> Candidates(string path)
    {
        try
        {
            var full = Path.GetFullPath(path);
            var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1, IgnoreInaccessible = true, AttributesToSkip = 0 };
            return [.. new DirectoryInfo(Path.GetDirectoryName(full)!).EnumerateFiles(Path.GetFileNameWithoutExtension(full) + "*", options)
                .Where(file => file.FullName != full && file.LinkTarget is null)
                .OrderByDescending(file => file.LastWriteTimeUtc).Take(MostCandidates).Select(file => file.FullName)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
