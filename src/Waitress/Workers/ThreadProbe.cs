using Microsoft.Win32.SafeHandles;

namespace Waitress.Workers;

/// <summary>
/// Tells whether a thread sleeps in the kernel, from outside of it: on Linux the state letter of /proc/thread-self/stat
/// (proc(5)), opened once by the thread itself. Other systems have no such cheap answer: null there.
/// </summary>
internal sealed class ThreadProbe : IDisposable
{
    private readonly SafeFileHandle _stat;

    private ThreadProbe(SafeFileHandle stat) => _stat = stat;

    public static ThreadProbe? OfThisThread()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            return new ThreadProbe(File.OpenHandle("/proc/thread-self/stat"));
        }
        catch (IOException)
        {
            return null; // No /proc in this container: the pacer goes by progress alone.
        }
    }

    public bool? IsAsleep()
    {
        Span<byte> text = stackalloc byte[128];
        try
        {
            // "pid (name) S …": the name may hold anything, but is at most 15 bytes long and ends with the last parenthesis.
            var read = text[..RandomAccess.Read(_stat, text, 0)];
            var close = read.LastIndexOf((byte)')');
            return close < 0 || close + 2 >= read.Length ? null : read[close + 2] is (byte)'S' or (byte)'D';
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return null;
        }
    }

    public void Dispose() => _stat.Dispose();
}
