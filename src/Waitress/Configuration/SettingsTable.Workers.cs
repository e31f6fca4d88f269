using static Waitress.Configuration.SettingKind;

namespace Waitress.Configuration;

/// <summary>The rows of workers: how many, of which kind, and what becomes of a request that takes too long.</summary>
internal static partial class SettingsTable
{
    private const string Off = "off";
    private const string AsGunicorn = "Gunicorn";

    private static SettingRow[] WorkerRows =>
    [
        new("workers", SettingGroup.Workers, WorkersOrNone(SettingsRules.MostThreads), null)
        {
            Origin = "Waitress's four threads", Apply = (s, v) => s with { Workers = (int?)(long?)v }, Unit = "workers",
            DefaultText = "4, or 1 when --threads is given", PlatformName = "WEB_CONCURRENCY", ShortOption = "-w",
            Help = "How many workers run the app; auto for as many as the process may use processors (limits of a container count).",
            Difference = "New.",
        },
        new("threads", SettingGroup.Workers, WholeOrNone(1, SettingsRules.MostThreads), null)
        {
            Origin = "Waitress's four threads", Apply = (s, v) => s with { Threads = (int?)(long?)v }, Unit = "threads",
            DefaultText = "1 per worker",
            Help = "Threads of each worker. The app serves workers times threads requests at once; --threads alone means what it means in Waitress.",
            Difference = "The default was 4 threads; here it is 4 workers with one thread each. 0 is refused; in Waitress it served nothing.",
        },
        new("worker_class", SettingGroup.Workers, Word("thread", "process", "interpreter"), "thread")
        {
            Origin = "Waitress's threads", Apply = (s, v) => s with { WorkerClass = (string)v! }, ShortOption = "-k",
            Help = "How far workers are kept apart. thread: threads of one process. process: a supervised process each. interpreter: an interpreter with its own GIL each, in one process (experimental; CPython 3.12 and newer).",
            Difference = "New.",
        },
        new("max_threads", SettingGroup.Workers, WholeOrNone(1, SettingsRules.MostThreads), null)
        {
            Origin = "Waitress's fixed pool", Apply = (s, v) => s with { MaxThreads = (int?)(long?)v }, Unit = "threads",
            DefaultText = "as many as at start",
            Help = "Up to how many threads a worker process grows while requests wait and its threads wait too (for a database, say); it shrinks again when they are not needed.",
            Difference = "New.",
        },
        new("asynchronous", SettingGroup.Workers, Flag, true)
        {
            Origin = "Waitress's way, which has no switch", Apply = (s, v) => s with { Asynchronous = (bool)v! },
            Help = "Receive request bodies and send responses outside the worker, so that slow clients never hold one. When false, the app gets a request as soon as its headers are in, reads the body as it arrives and writes straight to the client.",
            Difference = "New.",
        },
        new("request_timeout", SettingGroup.Workers, Seconds(0, LongestTimeout), 0d)
        {
            Origin = "Waitress's patience", Apply = (s, v) => s with { RequestTimeout = (double)v! }, Unit = "seconds", DefaultText = Off,
            Help = "How long the app may take for one request, from the moment it is called. Then the client gets 504 (a response that has begun is cut off), the log gets the thread's stack, and the exception waitress.RequestTimeout is raised in the thread; 0 for no limit.",
            Difference = "New.",
        },
        new("queue_timeout", SettingGroup.Workers, Seconds(0, LongestTimeout), 0d)
        {
            Origin = "Waitress's patience", Apply = (s, v) => s with { QueueTimeout = (double)v! }, Unit = "seconds", DefaultText = Off,
            Help = "How long a request may wait for a thread; then it gets 503 with Retry-After and never reaches the app; 0 for no limit.",
            Difference = "New.",
        },
        new("backlog_limit", SettingGroup.Workers, WholeOrNone(1, int.MaxValue), null)
        {
            Origin = "each connection may have one request in the queue", Apply = (s, v) => s with { BacklogLimit = (int?)(long?)v }, Unit = "requests",
            DefaultText = "the connection limit",
            Help = "How many requests may wait for a thread; one more gets 503 with Retry-After.",
            Difference = "New.",
        },
    ];
}
