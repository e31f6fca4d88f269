using static Waitress.Configuration.SettingGroup;
using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>
/// The rows of the supervisor and of the program itself. The engine does not read them, apart from
/// <see cref="Settings.Supervised"/>: the Python package does, which runs the supervisor.
/// </summary>
internal static partial class SettingsTable
{
    private static SettingRow[] SupervisionRows =>
    [
        new("supervise", Supervision, Flag, false)
        {
            Origin = "one process is the simplest", Apply = Claimed,
            Help = "Run the workers under a supervisor process, which replaces one that dies. Worker class process, --reload and the recycling options below imply it.",
            Difference = "New.",
        },
        new("min_workers", Supervision, WholeOrNone(1, SettingsRules.MostThreads), null)
        {
            Origin = "uWSGI's cheaper", Apply = Claimed, Unit = "workers", DefaultText = "as --workers",
            Help = "Down to how many worker processes the service shrinks when there is little to do. Needs worker class process.",
            Difference = "New.",
        },
        new("max_workers", Supervision, WholeOrNone(1, SettingsRules.MostThreads), null)
        {
            Origin = "uWSGI's cheaper", Apply = Claimed, Unit = "workers", DefaultText = "as --workers",
            Help = "Up to how many worker processes the service grows while requests wait. Needs worker class process.",
            Difference = "New.",
        },
        new("worker_timeout", Supervision, Seconds(0, LongestTimeout), 30d)
        {
            Origin = AsGunicorn, Apply = Elsewhere, Unit = "seconds",
            Help = "A worker process whose engine, or whose every thread, has been stuck for this long is replaced, after the stacks of its threads were logged; 0 for never.",
            Difference = "New.",
        },
        new("max_requests", Supervision, Whole(0, int.MaxValue), 0L)
        {
            Origin = AsGunicorn, Apply = Claimed, Unit = "requests", DefaultText = Off,
            Help = "Replace a worker process after it has served so many requests; 0 for never.",
            Difference = "New.",
        },
        new("max_requests_jitter", Supervision, Whole(0, int.MaxValue), 0L)
        {
            Origin = AsGunicorn, Apply = Elsewhere, Unit = "requests",
            Help = "Up to so many requests are added to --max-requests, at random for each worker, so that workers are not replaced together.",
            Difference = "New.",
        },
        new("max_lifetime", Supervision, Seconds(0, LongestTimeout), 0d)
        {
            Origin = AsGunicorn + "'s way for requests", Apply = Claimed, Unit = "seconds", DefaultText = Off,
            Help = "Replace a worker process after this time, up to a tenth later at random; 0 for never.",
            Difference = "New.",
        },
        new("max_memory", Supervision, Size(LargestSize), 0L)
        {
            Origin = "uWSGI's reload-on-rss", Apply = Claimed, Unit = "bytes", DefaultText = Off,
            Help = "Replace a worker process whose resident memory stays above this, as 300M or 2G; 0 for no limit.",
            Difference = "New.",
        },
        new("reload", Supervision, Flag, false)
        {
            Origin = "production does not want it", Apply = Claimed,
            Help = "Restart the workers when a file of the app changes. For development.",
            Difference = "New.",
        },
        new("reload_extra", Supervision, Paths, ValueList<string>.Empty)
        {
            Repeats = true, Origin = AsGunicorn, Apply = Elsewhere,
            Help = "A further file or folder that --reload watches, templates say. May be repeated.",
            Difference = "New.",
        },
        new("control_socket", Supervision, PathOrNone, null)
        {
            Origin = "XDG base directories", Apply = Elsewhere, DefaultText = "a file of the user's runtime directory, where there is a supervisor",
            Help = "Path of the unix socket that waitress-ctl talks to, on Windows the name of a pipe; only its owner may. Stated, a server without a supervisor has one too.",
            Difference = "New.",
        },
    ];

    private static SettingRow[] ProgramRows =>
    [
        new("pid", Program, PathOrNone, null)
        {
            Origin = AsGunicorn, Apply = Elsewhere,
            Help = "File for the process id; removed at the end. A file of a running process is never replaced.",
            Difference = "New.",
        },
        new("user", Program, TextOrNone, null)
        {
            Origin = AsGunicorn, Apply = Elsewhere,
            Help = "User, by name or number, to become after the sockets were opened and before the app is imported.",
            Difference = "New.",
        },
        new("group", Program, TextOrNone, null)
        {
            Origin = AsGunicorn, Apply = Elsewhere, DefaultText = "that of --user",
            Help = "Group, by name or number, to become together with --user.",
            Difference = "New.",
        },
        new("umask", Program, OctalOrNone, null)
        {
            Origin = "the shell's", Apply = Elsewhere, Unit = "octal", DefaultText = "as it is",
            Help = "File mode mask of the process, as octal digits.",
            Difference = "New.",
        },
        new("chdir", Program, PathOrNone, null)
        {
            Origin = AsGunicorn, Apply = Elsewhere, DefaultText = "as it is",
            Help = "Folder to change to before the app is imported.",
            Difference = "New.",
        },
        new("pythonpath", Program, Paths, ValueList<string>.Empty)
        {
            Repeats = true, Origin = AsGunicorn, Apply = Elsewhere,
            Help = "A folder in which modules are looked for first. May be repeated.",
            Difference = "New.",
        },
        new("daemon", Program, Flag, false)
        {
            Origin = AsGunicorn, Apply = Elsewhere,
            Help = "Refused: let systemd, or another service of the system, start the server and watch it.",
            Difference = "New.",
        },
    ];

    // Read by the Python package, out of SettingsOutcome.Values.
    private static Settings Elsewhere(Settings settings, object? value) => settings;

    // The same, and it needs a supervisor unless it has the value that means "off".
    private static Settings Claimed(Settings settings, object? value) =>
        settings with { Supervised = settings.Supervised || value is true or > 0L or > 0d };
}
