using System.Runtime.InteropServices;

namespace Waitress.Transport;

/// <summary>
/// recv(2) and send(2) that never wait. .NET's sockets do the same through four layers, and give each socket that is used so an object for
/// asynchronous calls (150 bytes and two queues). The caller keeps the descriptor open meanwhile.
/// </summary>
internal static class SocketCalls
{
    /// <summary>A result: the socket has nothing, or takes nothing, now.</summary>
    public const int NotNow = -1;

    /// <summary>A result: the connection is broken.</summary>
    public const int Broken = -2;

    private const int AskAgain = -3; // A signal came first.

    // Linux, asm-generic: the same on all its architectures that .NET runs on.
    private const int DoNotWait = 0x40, NoSignal = 0x4000, TryAgain = 11, Interrupted = 4;

    /// <summary>How many bytes were received; 0: the client sends no more; or one of the two above.</summary>
    public static int Receive(int descriptor, Span<byte> room)
    {
        while (true)
        {
            if (Result(recv(descriptor, ref MemoryMarshal.GetReference(room), (nuint)room.Length, DoNotWait)) is var result and not AskAgain)
                return result;
        }
    }

    /// <summary>How many bytes were taken; or one of the two above.</summary>
    public static int Send(int descriptor, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            if (Result(send(descriptor, in MemoryMarshal.GetReference(bytes), (nuint)bytes.Length, DoNotWait | NoSignal)) is var result and not AskAgain)
                return result;
        }
    }

    private static int Result(nint count) => count >= 0 ? (int)count : Marshal.GetLastPInvokeError() switch
    {
        TryAgain => NotNow,
        Interrupted => AskAgain,
        _ => Broken,
    };

#pragma warning disable IDE1006, SYSLIB1054 // The C library's names; generated marshalling is unsafe code, which this project has none of.
    private const string Libc = "libc";

    [DllImport(Libc, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint recv(int descriptor, ref byte room, nuint length, int flags);

    [DllImport(Libc, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint send(int descriptor, in byte bytes, nuint length, int flags);
#pragma warning restore IDE1006, SYSLIB1054
}
