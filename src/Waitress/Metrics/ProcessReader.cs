using System.Globalization;

namespace Waitress.Metrics;

/// <summary>What the system tells of a process; -1: it does not.</summary>
/// <param name="Resident">Bytes.</param>
/// <param name="Private">Bytes.</param>
/// <param name="Cpu">Nanoseconds.</param>
/// <param name="Threads">All of them.</param>
/// <param name="OpenFiles">Descriptors.</param>
internal readonly record struct ProcessFigures(long Resident, long Private, long Cpu, long Threads, long OpenFiles)
{
    public static readonly ProcessFigures Unknown = new(-1, -1, -1, -1, -1);
}

/// <summary>
/// Reads them, of any process, when somebody asks: so a worker that hangs is seen as well, and one that nobody looks at pays nothing. From
/// Linux's /proc (proc(5)); elsewhere of the own process, as far as .NET knows.
/// </summary>
internal static class ProcessReader
{
    // USER_HZ, the unit of the times in /proc, is 100 on every architecture that .NET runs on.
    private const long NanosecondsPerTick = 10_000_000;

    // proc_pid_stat(5): utime, stime and num_threads are the fields 14, 15 and 20; the third follows the name's closing parenthesis.
    private const int UserAt = 14 - 3, SystemAt = 15 - 3, ThreadsAt = 20 - 3;

    public static ProcessFigures Read(int process)
    {
        if (!OperatingSystem.IsLinux())
            return process == Environment.ProcessId ? Own() : ProcessFigures.Unknown;
        var figures = ProcessFigures.Unknown;
        try
        {
            var pages = File.ReadAllText($"/proc/{process}/statm").Split(' ');
            var resident = Number(pages[1]) * Environment.SystemPageSize;
            figures = figures with { Resident = resident, Private = resident - (Number(pages[2]) * Environment.SystemPageSize) };
            var fields = Stat(process);
            figures = figures with { Cpu = CpuOf(fields), Threads = Number(fields[ThreadsAt]) };

            // Of another user's process it is not ours to see.
            return figures with { OpenFiles = Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").LongCount() };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return figures;
        }
    }

    /// <summary>The processor time of a process in nanoseconds; -1: unknown.</summary>
    public static long Cpu(int process)
    {
        if (!OperatingSystem.IsLinux())
            return process == Environment.ProcessId ? Own().Cpu : -1;
        try
        {
            return CpuOf(Stat(process));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return -1;
        }
    }

    private static string[] Stat(int process)
    {
        var stat = File.ReadAllText($"/proc/{process}/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static long CpuOf(string[] fields) => (Number(fields[UserAt]) + Number(fields[SystemAt])) * NanosecondsPerTick;

    private static ProcessFigures Own() => ProcessFigures.Unknown with
    {
        Resident = Environment.WorkingSet,
        Cpu = Environment.CpuUsage.TotalTime.Ticks * TimeSpan.NanosecondsPerTick,
    };

    private static long Number(string digits) => long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
