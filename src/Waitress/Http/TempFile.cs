using Microsoft.Win32.SafeHandles;

namespace Waitress.Http;

/// <summary>
/// A file that only its handle knows: gone from the folder as soon as it is open (on Windows when it is closed), so that
/// nothing is left behind however the process ends. Throws IOException when the disk is full.
/// </summary>
internal static class TempFile
{
    public static SafeFileHandle Create()
    {
        var path = Path.Join(Path.GetTempPath(), $"waitress-{Path.GetRandomFileName()}");
        if (OperatingSystem.IsWindows())
            return File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, FileOptions.DeleteOnClose);

        // Nobody else may look in between open and delete. OpenHandle takes no mode, so the file is made by a stream first.
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        new FileStream(path, options).Dispose();
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Delete);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static async ValueTask WriteAsync(SafeFileHandle file, ReadOnlyMemory<byte> data, long offset)
    {
        try
        {
            await RandomAccess.WriteAsync(file, data, offset);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw TooLarge(e);
        }
    }

    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> data, long offset)
    {
        try
        {
            RandomAccess.Write(file, data, offset);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw TooLarge(e);
        }
    }

    // .NET's name for EFBIG (a quota or limit on the size of files), which is a full disk to us.
    private static IOException TooLarge(Exception cause) => new("The temporary file has reached the size that the system allows", cause);
}
