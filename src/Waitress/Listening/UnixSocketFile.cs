using System.Net.Sockets;

namespace Waitress.Listening;

/// <summary>
/// The file of a unix socket: whether its name is free to take, its permissions, and its removal. A stale file (nobody accepts behind
/// it) is replaced, a live one and anything that is no socket never are.
/// </summary>
internal sealed class UnixSocketFile
{
    // ENXIO on Linux, EOPNOTSUPP on macOS and the BSDs: what open(2) says of a socket. The HResult of an IOException is the errno.
    private const int LinuxNoSuchDevice = 6;
    private const int BsdNotSupported = 102;

    private const int PermissionBits = 0x1FF;

    private readonly (DateTime Created, DateTime Written) _identity;

    private UnixSocketFile(string path)
    {
        Path = path;
        _identity = IdentityOf(path);
    }

    /// <summary>The path as configured.</summary>
    public string Path { get; }

    /// <summary>The file of a socket that is bound and listening already, to be removed at the end.</summary>
    public static UnixSocketFile At(string path) => new(path);

    /// <summary>
    /// Binds and listens at <paramref name="path"/>. Null with the reason in <paramref name="error"/> when the name can't be taken.
    /// </summary>
    public static ListenSocket? Listen(string path, int permissions, int backlog, out string? error)
    {
        if (!Socket.OSSupportsUnixDomainSockets)
        {
            error = "this system has no unix sockets";
            return null;
        }

        UnixDomainSocketEndPoint endPoint;
        try
        {
            endPoint = new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException)
        {
            error = "the path is empty or too long for a unix socket";
            return null;
        }

        var directory = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path));
        if (directory is null || !Directory.Exists(directory))
        {
            error = "its directory does not exist";
            return null;
        }

        error = Clear(path, endPoint);
        return error is null ? Bind(path, endPoint, permissions, backlog, out error) : null;
    }

    /// <summary>Deletes the file if it is still the one that this server made; a successor may have taken the name over.</summary>
    public void Remove()
    {
        try
        {
            if (File.Exists(Path) && IdentityOf(Path) == _identity)
                File.Delete(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays as a stale file, which the next start replaces.
        }
    }

    private static ListenSocket? Bind(string path, UnixDomainSocketEndPoint endPoint, int permissions, int backlog, out string? error)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(endPoint);
            socket = Detach(socket);
            // Before listen(2) every connect(2) is refused, so there is no moment at which the file is open wider than asked,
            // whatever the umask; the umask itself belongs to the whole process and is left alone.
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, (UnixFileMode)(permissions & PermissionBits));
            socket.Listen(backlog);
            error = null;
            return new ListenSocket(socket, new UnixSocketFile(path));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            error = BindError.Describe(e);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            error = "its permissions can't be set";
            return null;
        }
    }

    // A Socket that bound a path deletes whatever has that path when it is disposed. The descriptor moves to a Socket that knows no
    // path, so that the file is removed by Remove alone, and only while it is ours. The first Socket must never be disposed.
    private static Socket Detach(Socket binder)
    {
        var socket = new Socket(new SafeSocketHandle(binder.SafeHandle.DangerousGetHandle(), ownsHandle: true));
        binder.SafeHandle.SetHandleAsInvalid();
#pragma warning disable CA1816 // The rule is for one's own Dispose; this keeps the finalizer, a second Dispose, from running.
        GC.SuppressFinalize(binder);
#pragma warning restore CA1816
        return socket;
    }

    private static string? Clear(string path, UnixDomainSocketEndPoint endPoint)
    {
        if (!File.Exists(path))
            return Directory.Exists(path) ? "it is a directory" : null;
        if (!IsSocket(path, out var error))
            return error;

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        // A live server with a full backlog would make a blocking connect wait.
        probe.Blocking = false;
        try
        {
            probe.Connect(endPoint);
            return "another server answers there";
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return Delete(path);
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.WouldBlock ? "another server answers there" : BindError.Describe(e);
        }
    }

    private static string? Delete(string path)
    {
        try
        {
            File.Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "a stale socket is in the way and can't be deleted";
        }
    }

    // connect(2) refuses a plain file just as it refuses a stale socket, and .NET does not tell a file's type; but a socket can't be
    // opened, and says so with an error of its own. Asking for both directions keeps a FIFO from blocking.
    private static bool IsSocket(string path, out string? error)
    {
        error = "a file that is not a socket is in the way";
        if (OperatingSystem.IsWindows())
            return File.GetAttributes(path).HasFlag(FileAttributes.ReparsePoint);
        try
        {
            using var opened = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            error = "permission denied";
            return false;
        }
        catch (IOException e)
        {
            return e.HResult is LinuxNoSuchDevice or BsdNotSupported;
        }
    }

    // .NET does not show inode numbers. The times of a file that nobody writes to are as good: a successor's are later.
    private static (DateTime Created, DateTime Written) IdentityOf(string path) =>
        (File.GetCreationTimeUtc(path), File.GetLastWriteTimeUtc(path));
}
