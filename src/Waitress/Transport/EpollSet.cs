using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Waitress.Transport;

/// <summary>What a socket is watched for, and what has happened to it: bits of epoll_ctl(2).</summary>
[Flags]
internal enum EpollEvents
{
    None = 0,
    In = 0x1,
    /// <summary>TCP's urgent data, at whose mark a read stops.</summary>
    Urgent = 0x2,
    Out = 0x4,
    Error = 0x8,
    HungUp = 0x10,

    /// <summary>The client sends no more; what it has sent may be unread.</summary>
    Ended = 0x2000,
    EdgeTriggered = 1 << 31,
}

/// <summary>
/// An epoll set, edge-triggered: what a socket has is told once, and again when more comes, so that nobody asks the kernel for what was seen to
/// (a set that is waited for by another, as this one, asks twice). Such waiting (epoll(7)) is what .NET's own socket engine, whose thread waits in
/// its set for good, does not offer. Wait from one thread at a time, the others from any.
/// </summary>
internal sealed class EpollSet : IDisposable
{
    private const int CloseOnExec = 0x80000, AddIt = 1, DeleteIt = 2, ModifyIt = 3;

    // How long a wait lasts at most: for its thread to look whether it is still needed.
    private const int WaitMilliseconds = 100;

    // struct epoll_event { uint32_t events; epoll_data_t data; } is packed on x86 alone.
    private static readonly int DataAt = RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86 ? 4 : 8;

    private readonly byte[] _events;
    private readonly SafeDescriptor _set;

    public EpollSet(int most)
    {
        _events = GC.AllocateArray<byte>(most * Size, pinned: true);
        _set = new SafeDescriptor(epoll_create1(CloseOnExec));
        if (_set.IsInvalid)
            throw new SocketException((int)SocketError.TooManyOpenSockets); // Too many descriptors or watches, or no memory: nothing else can fail here.
    }

    public int Descriptor => (int)_set.DangerousGetHandle();

    /// <summary>Whether a wait would find something. Any thread.</summary>
    public bool IsReady
    {
        get
        {
            // struct pollfd { int fd; short events; short revents; }
            Span<int> asked = [Descriptor, (int)EpollEvents.In];
            return poll(ref asked[0], 1, 0) > 0;
        }
    }

    private static int Size => DataAt + sizeof(long);

    /// <summary>The descriptor that the last wait found at that place, and what has happened there.</summary>
    public (int Descriptor, EpollEvents What) this[int place]
    {
        get
        {
            var found = _events.AsSpan(place * Size, Size);
            return (MemoryMarshal.Read<int>(found[DataAt..]), (EpollEvents)MemoryMarshal.Read<int>(found));
        }
    }

    /// <summary>What the socket has, and will have, is told from now on. SocketException where the system has no room for it.</summary>
    public void Add(int descriptor) => Control(AddIt, descriptor);

    /// <summary>What the socket has now is told again, if it has something.</summary>
    public void Rearm(int descriptor) => Control(ModifyIt, descriptor);

    /// <summary>To be called before the descriptor is closed: a copy of it in a child process would keep it in the set.</summary>
    public void Forget(int descriptor)
    {
        byte nothing = 0;
        _ = epoll_ctl(Descriptor, DeleteIt, descriptor, ref nothing); // It fails for what is not in the set, which is as well.
    }

    /// <summary>How many descriptors have something.</summary>
    /// <param name="waits">For a moment, if none has; else it returns at once.</param>
    public int Wait(bool waits) => Math.Max(0, epoll_wait(Descriptor, ref _events[0], _events.Length / Size, waits ? WaitMilliseconds : 0));

    public void Dispose() => _set.Dispose();

    private void Control(int operation, int descriptor)
    {
        Span<byte> told = stackalloc byte[sizeof(long) * 2];
        told.Clear();
        MemoryMarshal.Write(told, (int)(EpollEvents.In | EpollEvents.Out | EpollEvents.Ended | EpollEvents.Urgent | EpollEvents.EdgeTriggered));
        MemoryMarshal.Write(told[DataAt..], (long)descriptor);
        if (epoll_ctl(Descriptor, operation, descriptor, ref told[0]) != 0)
            throw new SocketException((int)SocketError.TooManyOpenSockets); // Watches or memory: nothing else can fail here.
    }

    private sealed class SafeDescriptor : SafeHandle
    {
        public SafeDescriptor(int descriptor)
            : base(-1, ownsHandle: true) => SetHandle(descriptor);

        public override bool IsInvalid => handle == -1;

        protected override bool ReleaseHandle() => close((int)handle) == 0;
    }

#pragma warning disable IDE1006, SYSLIB1054 // The C library's names; generated marshalling is unsafe code, which this project has none of.
    private const string Libc = "libc";

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int epoll_create1(int flags);

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int epoll_ctl(int set, int operation, int descriptor, ref byte what);

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int epoll_wait(int set, ref byte events, int most, int milliseconds);

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int poll(ref int descriptors, ulong count, int milliseconds);

    [DllImport(Libc)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int close(int descriptor);
#pragma warning restore IDE1006, SYSLIB1054
}
