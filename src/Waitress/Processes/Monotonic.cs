namespace Waitress.Processes;

/// <summary>The clock of the scoreboard: nanoseconds of CLOCK_MONOTONIC, which time.monotonic_ns() in Python reads too.</summary>
internal static class Monotonic
{
    private const long PerSecond = 1_000_000_000;

    /// <summary>Now. On Unix a timestamp of .NET has this unit and origin already; Windows has no scoreboard.</summary>
    public static long Now(TimeProvider time) => time.TimestampFrequency == PerSecond
        ? time.GetTimestamp()
        : (long)(time.GetTimestamp() * (Int128)PerSecond / time.TimestampFrequency);
}
