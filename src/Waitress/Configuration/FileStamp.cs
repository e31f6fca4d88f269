using System.Security;
using Waitress.AccessLogging;

namespace Waitress.Configuration;

/// <summary>
/// By what a change of a file is noticed that is read again when it changes: which file it is and when anything of it was last changed, where the system tells (Posix),
/// so that one with another's length and times is another one nevertheless; and what .NET shows everywhere. A link stands for what it leads to, at its end.
/// </summary>
internal readonly record struct FileStamp(long Device, long Inode, long Changed, DateTime Created, DateTime Written, long Length)
{
    /// <summary>Of the file as it is now; default when there is none, or it may not be looked at.</summary>
    public static FileStamp Of(string path)
    {
        try
        {
            var file = new FileInfo(path);
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            if (!file.Exists)
                return default;
            var status = OperatingSystem.IsWindows() ? null : Posix.StatusOf(path, out _);
            return new FileStamp(status?.Device ?? 0, status?.Inode ?? 0, status?.Changed ?? 0, file.CreationTimeUtc, file.LastWriteTimeUtc, file.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or SecurityException)
        {
            return default;
        }
    }
}
