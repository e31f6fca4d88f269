using Microsoft.Win32.SafeHandles;

namespace Waitress.AccessLogging;

/// <summary>
/// A file that is appended to, by several processes at once: each write is one system call on a descriptor with O_APPEND, so the system puts it
/// whole behind what others wrote. Used by one thread. On Windows, where there is one process, a stream.
/// </summary>
internal sealed class LogFile : IDisposable
{
    private readonly nint _stream;
    private readonly int _descriptor;
    private readonly SafeFileHandle? _reading;
    private readonly FileStream? _windows;

    private LogFile(string path, nint stream, int descriptor, FileStatus? status, bool readable)
    {
        (Path, _stream, _descriptor, Status) = (path, stream, descriptor, status);
        _reading = readable && status is { Kind: FileKind.Regular } ? new SafeFileHandle(descriptor, ownsHandle: false) : null;
    }

    private LogFile(string path, FileStream windows) => (Path, _windows) = (path, windows);

    // One that could not be opened.
    private LogFile(string path, string missing) => (Path, _descriptor, Missing) = (path, -1, missing);

    /// <summary>As configured; "-" for standard output.</summary>
    public string Path { get; }

    /// <summary>What was opened.</summary>
    public FileStatus? Status { get; }

    /// <summary>Whether it is a file with a name that may be moved away or cut: a regular one that was opened by its name.</summary>
    public bool IsNamed => _stream != 0 && Status is { Kind: FileKind.Regular };

    /// <summary>Why there is no file behind the name: it takes nothing until it is opened anew. Else null.</summary>
    public string? Missing { get; }

    public bool IsPipe => Status is { Kind: FileKind.Pipe };

    /// <summary>Opens, or makes, the file of that name. IOException with one line that names it.</summary>
    public static LogFile Open(string path)
    {
        if (OperatingSystem.IsWindows())
            return OpenOnWindows(path);
        var there = Posix.StatusOf(path, out _);
        if (there is { Kind: FileKind.Folder })
            throw new IOException($"The access log {path} can't be opened: it is a folder");

        // A named pipe is opened for both directions: for writing alone the open would wait for a reader, and fail when that has gone.
        var pipe = there is { Kind: FileKind.Pipe };
        var readable = true;
        var stream = Posix.Open(path, pipe ? "r+e" : "a+e", out var error);
        if (stream == 0 && !pipe)
        {
            readable = false; // Its owner may have left us only the right to write.
            stream = Posix.Open(path, "ae", out error);
        }

        if (stream == 0)
            throw new IOException($"The access log {path} can't be opened: {Posix.Describe(error)}");
        var descriptor = Posix.DescriptorOf(stream);
        return new LogFile(path, stream, descriptor, Posix.StatusOf(descriptor), readable);
    }

    /// <summary>As <see cref="Open"/>, but for one that can't be opened, which then stands for it.</summary>
    public static LogFile OpenOrMiss(string path)
    {
        try
        {
            return Open(path);
        }
        catch (IOException e)
        {
            return new LogFile(path, missing: e.Message);
        }
    }

    /// <summary>Standard output as the process was started with it.</summary>
    public static LogFile OpenStandardOutput() => OperatingSystem.IsWindows()
        ? throw new IOException("The access log can't be written to standard output on Windows yet: name a file")
        : new LogFile(AccessLog.StandardOutput, 0, 1, Posix.StatusOf(1), readable: false);

    /// <summary>How many bytes were taken, fewer than all or 0 with the reason when there is no room.</summary>
    public int Write(ReadOnlySpan<byte> bytes, out string? error, out bool again)
    {
        (error, again) = (Missing, false);
        if (Missing is not null)
            return 0;
        if (_windows is not null)
            return WriteOnWindows(bytes, out error);
        var written = Posix.Write(_descriptor, bytes, out var number);
        if (written >= 0)
            return written;
        again = number is Posix.Again or Posix.AgainOnBsd;
        error = Posix.Describe(number);
        return 0;
    }

    /// <summary>Where the last write ended.</summary>
    public long Position => Posix.Position(_descriptor);

    public long Length => Posix.StatusOf(_descriptor)?.Size ?? 0;

    /// <summary>Whether the file still has these bytes at that place; true where it can't be read.</summary>
    public bool Holds(ReadOnlySpan<byte> bytes, long at) => _reading is null ? Length >= at + bytes.Length : Holds(_reading, bytes, at);

    /// <summary>The bytes at the beginning of the file, as many as there are.</summary>
    public byte[] Head(int most)
    {
        var bytes = new byte[most];
        return _reading is null ? [] : bytes[..RandomAccess.Read(_reading, bytes, 0)];
    }

    public static bool Holds(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at)
    {
        Span<byte> found = stackalloc byte[512];
        while (!bytes.IsEmpty)
        {
            var part = bytes[..Math.Min(bytes.Length, found.Length)];
            var read = RandomAccess.Read(file, found[..part.Length], at);
            if (read == 0 || !found[..read].SequenceEqual(part[..read]))
                return false;
            bytes = bytes[read..];
            at += read;
        }

        return true;
    }

    public void Dispose()
    {
        _windows?.Dispose();
        _reading?.Dispose();
        if (_stream != 0)
            Posix.Close(_stream);
    }

    private static LogFile OpenOnWindows(string path)
    {
        try
        {
            return new LogFile(path, new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The access log {path} can't be opened: {e.Message}", e);
        }
    }

    private int WriteOnWindows(ReadOnlySpan<byte> bytes, out string? error)
    {
        try
        {
            _windows!.Write(bytes);
            error = null;
            return bytes.Length;
        }
        catch (IOException e)
        {
            error = e.Message;
            return 0;
        }
    }
}
