using System.Runtime.InteropServices;
using System.Text;

namespace Waitress.AccessLogging;

/// <summary>
/// What files of logs need of the system and .NET does not offer: to append (its FileMode.Append seeks once, and then writes at offsets of
/// its own), to know where a write ended, and which file a name stands for.
/// </summary>
/// <remarks>
/// fopen() because open() takes a variable number of arguments, which P/Invoke can't pass on every system, and its flags have other numbers
/// on each; nothing is ever written through the stream. The rest goes through .NET's own native library, which hides that `struct stat`
/// differs: linked into our file, it is of the version that we are built with, and a test compares what it tells with stat(1). Beside logs, FileStamp asks here.
/// </remarks>
internal static class Posix
{
    /// <summary>errno: there is no file of that name; the descriptor would have to wait (Linux, and macOS with the BSDs).</summary>
    public const int NoSuchFile = 2, Again = 11, AgainOnBsd = 35;

    private const string Libc = "libc", SystemNative = "libSystem.Native";
    private const int TypeMask = 0xF000, Fifo = 0x1000, Directory = 0x4000, Regular = 0x8000;

    // .NET's FileStatus: far larger than it is today, so that it can't write beyond.
    private const int StatusSize = 512, ModeAt = 4, SizeAt = 16, ChangedAt = 56, DeviceAt = 88, InodeAt = 104;

    /// <summary>A stream of the C library, for <see cref="Close"/>; 0 and the error when the file can't be opened.</summary>
    public static nint Open(string path, string mode, out int error)
    {
        var stream = fopen(Name(path), Name(mode));
        error = stream == 0 ? Marshal.GetLastPInvokeError() : 0;
        return stream;
    }

    public static int DescriptorOf(nint stream) => fileno(stream);

    public static void Close(nint stream) => _ = fclose(stream);

    /// <summary>How many bytes were taken; -1 with the error.</summary>
    public static int Write(int descriptor, ReadOnlySpan<byte> bytes, out int error)
    {
        var written = SystemNative_Write(descriptor, ref MemoryMarshal.GetReference(bytes), bytes.Length);
        error = written < 0 ? Marshal.GetLastPInvokeError() : 0;
        return written;
    }

    /// <summary>Where the descriptor is: behind its last write, also when that was an append.</summary>
    public static long Position(int descriptor) => SystemNative_LSeek(descriptor, 0, 1);

    /// <summary>What a descriptor is; null with the error.</summary>
    public static FileStatus? StatusOf(int descriptor)
    {
        var status = new byte[StatusSize];
        return SystemNative_FStat(descriptor, ref status[0]) == 0 ? Read(status) : null;
    }

    /// <summary>What a name stands for; null with the error.</summary>
    public static FileStatus? StatusOf(string path, out int error)
    {
        var status = new byte[StatusSize];
        var found = SystemNative_Stat(Name(path), ref status[0]) == 0;
        error = found ? 0 : Marshal.GetLastPInvokeError();
        return found ? Read(status) : null;
    }

    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);

    private static FileStatus Read(ReadOnlySpan<byte> status)
    {
        var type = MemoryMarshal.Read<int>(status[ModeAt..]) & TypeMask;
        return new FileStatus(
            MemoryMarshal.Read<long>(status[DeviceAt..]), MemoryMarshal.Read<long>(status[InodeAt..]), MemoryMarshal.Read<long>(status[SizeAt..]),
            (MemoryMarshal.Read<long>(status[ChangedAt..]) * 1_000_000_000) + MemoryMarshal.Read<long>(status[(ChangedAt + 8)..]),
            type switch
            {
                Regular => FileKind.Regular,
                Fifo => FileKind.Pipe,
                Directory => FileKind.Folder,
                _ => FileKind.Other,
            });
    }

    private static byte[] Name(string text) => Encoding.UTF8.GetBytes(text + '\0');

#pragma warning disable IDE1006, SYSLIB1054 // The C library's names; generated marshalling is unsafe code, which this project has none of.
    [DllImport(Libc, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint fopen(byte[] path, byte[] mode);

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int fileno(nint stream);

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int fclose(nint stream);

    [DllImport(SystemNative, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SystemNative_Write(nint descriptor, ref byte bytes, int count);

    [DllImport(SystemNative, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern long SystemNative_LSeek(nint descriptor, long offset, int whence);

    [DllImport(SystemNative, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SystemNative_FStat(nint descriptor, ref byte status);

    [DllImport(SystemNative, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SystemNative_Stat(byte[] path, ref byte status);
#pragma warning restore IDE1006, SYSLIB1054
}

internal enum FileKind
{
    Regular, Pipe, Folder, Other,
}

/// <summary>Which file it is (device and inode), how long, when anything of it was last changed (ctime, in nanoseconds), and of which kind.</summary>
internal readonly record struct FileStatus(long Device, long Inode, long Size, long Changed, FileKind Kind)
{
    public bool IsSameFile(FileStatus other) => (Device, Inode) == (other.Device, other.Inode);
}
