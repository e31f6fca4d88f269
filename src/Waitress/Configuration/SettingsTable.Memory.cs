using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

internal sealed partial record Settings
{
    /// <summary>Seconds between two memory reports; 0: none. The Python package makes them.</summary>
    public double MemoryReport { get; init; }
}

/// <summary>The row of the memory report, which the Python package makes (waitress._memory).</summary>
internal static partial class SettingsTable
{
    private static SettingRow[] MemoryRows =>
    [
        new("memory_report", SettingGroup.Admin, Seconds(0, LongestTimeout), 0d)
        {
            Origin = "a report takes processor time", Apply = (s, v) => s with { MemoryReport = (double)v! }, Unit = "seconds", DefaultText = Off,
            Help = "Write to the log every so many seconds what the memory of each worker process is made of, and what has grown since the last time; 0 for never. waitress-ctl memory shows it when asked.",
            Difference = "New.",
        },
    ];
}
