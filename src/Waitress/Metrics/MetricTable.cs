// What is counted and measured, and where those numbers are.
// Receives ended requests (RequestFigures), the connection gate's, the pools' and Python's figures; keeps them on a board in memory that all
// processes of the service map (MetricBoard), so any of them can tell of the whole, and a worker's end, kill -9 included, loses none.
// Promises: a fixed number of series, whatever clients send; counters of the service never go back; recording costs an uncontended lock and a dozen
// additions, some 0.1 µs per request, whether anybody asks or not. MetricsText, Instruments (System.Diagnostics.Metrics) and Otlp read.
// Recording runs on the thread that ended the request; everything else on whoever asks.
using Waitress.Guards;
using Waitress.Tls;

namespace Waitress.Metrics;

/// <summary>The one table of metrics: the exposition, the instruments and docs/metrics.md are all made from it, and the board's layout too.</summary>
internal static class MetricTable
{
    private const string Seconds = "seconds", Bytes = "bytes";
    private const long Millisecond = 1_000_000, Second = 1_000 * Millisecond;

    // From ten microseconds, below what the server itself takes, to a minute, beyond which any proxy has given up.
    private static readonly long[] Times =
    [
        Millisecond / 100, Millisecond / 40, Millisecond / 20, Millisecond / 10, Millisecond / 4, Millisecond / 2, Millisecond, 5 * Millisecond / 2, 5 * Millisecond, 10 * Millisecond, 25 * Millisecond,
        50 * Millisecond, 100 * Millisecond, 250 * Millisecond, 500 * Millisecond, Second, 5 * Second / 2, 5 * Second, 10 * Second, 30 * Second, 60 * Second,
    ];

    // 0 for requests without a body, then powers of four, up to what max_request_body_size allows unless stated.
    private static readonly long[] Sizes =
        [0, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 1 << 30];

    private static readonly MetricLabel Generation = new("generation", "0", "1", "2");

    // Requests.
    public static readonly MetricRow Requests = new("requests", "requests", MetricKind.Counter, "",
        "Requests that have ended, by method and class of the status; none: the client had gone before there was an answer.")
    {
        Labels = [new("method", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"), new("status", "1xx", "2xx", "3xx", "4xx", "5xx", "none")],
    };

    public static readonly MetricRow Duration = new("request_duration_seconds", "request.duration", MetricKind.Histogram, Seconds,
        "Time from the parsed request head to the last byte handed to the transport.")
    { Bounds = Times };

    public static readonly MetricRow QueueWait = new("request_queue_wait_seconds", "request.queue_wait", MetricKind.Histogram, Seconds,
        "Time that a request, its body complete, waited for a thread.")
    { Bounds = Times };

    public static readonly MetricRow GilWait = new("request_gil_wait_seconds", "request.gil_wait", MetricKind.Histogram, Seconds,
        "Time that the thread waited for the GIL in order to take a request; a part of the queue wait.")
    { Bounds = Times };

    public static readonly MetricRow AppTime = new("request_app_seconds", "request.app", MetricKind.Histogram, Seconds,
        "Time in the application and its iterable.")
    { Bounds = Times };

    public static readonly MetricRow RequestSize = new("request_body_bytes", "request.body.size", MetricKind.Histogram, Bytes,
        "Body of a request, without chunk framing.")
    { Bounds = Sizes };

    public static readonly MetricRow ResponseSize = new("response_body_bytes", "response.body.size", MetricKind.Histogram, Bytes,
        "Body of an answer, without chunk framing.")
    { Bounds = Sizes };

    public static readonly MetricRow Refused = new("requests_refused", "requests.refused", MetricKind.Counter, "",
        "Requests that the server answered itself instead of the application, by reason.")
    {
        Labels = [new("reason", [.. Refusal.All.Select(refusal => refusal.Label)])],
    };

    public static readonly MetricRow Timeouts = new("request_timeouts", "request.timeouts", MetricKind.Counter, "",
        "Requests that took longer than request_timeout.");

    // Event loops.
    public static readonly MetricRow WebSockets = new("websockets_open", "websockets.open", MetricKind.Gauge, "",
        "WebSockets that are open.");

    public static readonly MetricRow Messages = new("websocket_messages", "websocket.messages", MetricKind.Counter, "",
        "Messages of WebSockets.")
    {
        Labels = [new("direction", "received", "sent")],
    };

    public static readonly MetricRow LoopStalls = new("loop_stalls", "loop.stalls", MetricKind.Counter, "",
        "Times that an event loop did not turn for loop_stall seconds.");

    public static readonly MetricRow InFlight = new("requests_in_flight", "requests.in_flight", MetricKind.Gauge, "",
        "Requests that have begun and not ended.");

    public static readonly MetricRow QueueLength = new("queue_length", "queue.length", MetricKind.Gauge, "",
        "Requests that wait for a thread.");

    public static readonly MetricRow OldestWait = new("queue_oldest_seconds", "queue.oldest", MetricKind.Gauge, Seconds,
        "How long the oldest of them has waited.")
    { Scope = MetricScope.Largest };

    // Connections.
    public static readonly MetricRow Accepted = new("connections_accepted", "connections.accepted", MetricKind.Counter, "",
        "Connections that were accepted.");

    public static readonly MetricRow Open = new("connections_open", "connections.open", MetricKind.Gauge, "",
        "Connections that are open.");

    public static readonly MetricRow NotAccepted = new("connections_refused", "connections.refused", MetricKind.Counter, "",
        "Connections that were accepted and closed at once, by reason; at connection_limit none is, they wait.")
    {
        Labels = [new("reason", ConnectionRefusals.Names)],
    };

    public static readonly MetricRow HandshakesFailed = new("tls_handshake_failures", "tls.handshake.failures", MetricKind.Counter, "",
        "TLS handshakes that failed, by reason; protocol: no version or cipher suite in common, or the client does not trust the certificate.")
    {
        Labels = [new("reason", HandshakeFailures.Names)],
    };

    // Threads and workers.
    public static readonly MetricRow Threads = new("threads", "threads", MetricKind.Gauge, "", "Python threads that serve requests.");

    public static readonly MetricRow BusyThreads = new("threads_busy", "threads.busy", MetricKind.Gauge, "", "Of these, threads inside the application.");

    public static readonly MetricRow StuckThreads = new("threads_stuck", "threads.stuck", MetricKind.Gauge, "",
        "Threads over request_timeout that have not come back.");

    public static readonly MetricRow BusyTime = new("thread_busy_seconds", "thread.busy", MetricKind.Counter, Seconds,
        "Time that threads have spent inside the application, requests under way included; divided by threads: how busy they are.");

    public static readonly MetricRow Restarts = new("worker_restarts", "worker.restarts", MetricKind.Counter, "",
        "Workers that were replaced, by reason.")
    { Labels = [new("reason", WorkerReasons.Names)] };

    public static readonly MetricRow Workers = new("workers", "workers", MetricKind.Gauge, "",
        "Worker processes by state.")
    { Scope = MetricScope.Made, Labels = [new("state", WorkerStates.Names)] };

    public static readonly MetricRow LogLinesLost = new("log_lines_lost", "log.lines_lost", MetricKind.Counter, "",
        "Log entries that were not written: they came faster than they could be, or their file took none.")
    {
        Labels = [new("log", "server", "access")],
    };

    public static readonly MetricRow Spans = new("spans", "spans", MetricKind.Counter, "",
        "Spans of requests for otlp_endpoint: taken by it, or dropped because it takes none or takes them too slowly.")
    {
        Labels = [new("outcome", "exported", "dropped")],
    };

    /// <summary>The series of <see cref="Spans"/>.</summary>
    public const int SpansExported = 0, SpansDropped = 1;

    // One series per process.
    public static readonly MetricRow WorkerInfo = new("worker", "worker", MetricKind.Info, "",
        "The process in each slot.")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow WorkerStart = new("worker_start_time_seconds", "worker.start_time", MetricKind.Gauge, Seconds,
        "When the process was started, since 1970.")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow WorkerRequests = new("worker_requests", "worker.requests", MetricKind.Counter, "",
        "Requests that the worker process has ended.")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow ResidentMemory = new("worker_resident_memory_bytes", "worker.memory.resident", MetricKind.Gauge, Bytes,
        "Resident memory of the process.")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow PrivateMemory = new("worker_private_memory_bytes", "worker.memory.private", MetricKind.Gauge, Bytes,
        "Resident memory without what it shares with others, files such as libraries above all (Linux).")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow CpuTime = new("worker_cpu_seconds", "worker.cpu", MetricKind.Counter, Seconds,
        "Processor time of the process, user and system.")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow SystemThreads = new("worker_system_threads", "worker.system_threads", MetricKind.Gauge, "",
        "All threads of the process (Linux).")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow OpenFiles = new("worker_open_files", "worker.open_files", MetricKind.Gauge, "",
        "Open descriptors of the process (Linux).")
    { Scope = MetricScope.MadeOfProcess };

    public static readonly MetricRow DotnetHeap = new("worker_dotnet_heap_bytes", "worker.dotnet.heap", MetricKind.Gauge, Bytes,
        "Managed memory of the engine.")
    { Scope = MetricScope.Worker };

    public static readonly MetricRow DotnetCollections = new("worker_dotnet_collections", "worker.dotnet.collections", MetricKind.Counter, "",
        "Garbage collections of the engine, by generation.")
    { Scope = MetricScope.Worker, Labels = [Generation] };

    public static readonly MetricRow PythonCollections = new("worker_python_collections", "worker.python.collections", MetricKind.Counter, "",
        "Garbage collections of Python, by generation.")
    { Scope = MetricScope.Worker, Labels = [Generation] };

    public static readonly MetricRow PythonCollected = new("worker_python_collected_objects", "worker.python.collected_objects", MetricKind.Counter, "",
        "Objects that Python's garbage collector has freed, by generation.")
    { Scope = MetricScope.Worker, Labels = [Generation] };

    public static readonly MetricRow PythonUncollectable = new("worker_python_uncollectable_objects", "worker.python.uncollectable_objects", MetricKind.Counter, "",
        "Objects that Python's garbage collector could not free, by generation.")
    { Scope = MetricScope.Worker, Labels = [Generation] };

    public static readonly MetricRow PythonPending = new("worker_python_pending_objects", "worker.python.pending_objects", MetricKind.Gauge, "",
        "gc.get_count(): objects made since the last collection of generation 0, and collections of the generation below since the last one of 1 and 2.")
    { Scope = MetricScope.Worker, Labels = [Generation] };

    // The service.
    public static readonly MetricRow Ready = new("ready", "ready", MetricKind.Gauge, "",
        "1 while /readyz answers 200.")
    { Scope = MetricScope.Made };

    public static readonly MetricRow ServiceStart = new("start_time_seconds", "start_time", MetricKind.Gauge, Seconds,
        "When the service was started, since 1970.")
    { Scope = MetricScope.Made };

    public static readonly MetricRow Build = new("build", "build", MetricKind.Info, "",
        "Versions of this server, of Python and of .NET.")
    { Scope = MetricScope.Made };

    /// <summary>Every row, in the order of the exposition and the documentation.</summary>
    public static IReadOnlyList<MetricRow> All { get; } =
    [
        Requests, Duration, QueueWait, GilWait, AppTime, RequestSize, ResponseSize, Refused, Timeouts, InFlight, QueueLength, OldestWait,
        Accepted, Open, NotAccepted, HandshakesFailed,
        WebSockets, Messages, LoopStalls,
        Threads, BusyThreads, StuckThreads, BusyTime, Restarts, Workers, LogLinesLost, Spans,
        WorkerInfo, WorkerStart, WorkerRequests, ResidentMemory, PrivateMemory, CpuTime, SystemThreads, OpenFiles, DotnetHeap, DotnetCollections,
        PythonCollections, PythonCollected, PythonUncollectable, PythonPending,
        Ready, ServiceStart, Build,
    ];

    /// <summary>The first so many numbers of a region are counters of the service, which are kept when a worker ends.</summary>
    public static int Kept { get; } = Lay(All.Where(row => row.Outlives), 0);

    /// <summary>How many numbers the metrics take in a region.</summary>
    public static int Cells { get; } = Lay(All.Where(row => !row.Outlives), Kept);

    /// <summary>Differs when the layout does: a worker of another version must not count in the wrong places.</summary>
    public static long Fingerprint { get; } = Hash();

    private static int Lay(IEnumerable<MetricRow> rows, int place) => rows.Aggregate(place, (next, row) => row.PutAt(next));

    // FNV-1a over all that decides what stands where; the same in every process, which string.GetHashCode is not.
    private static long Hash()
    {
        var hash = 0xcbf29ce484222325UL;
        foreach (var row in All)
        {
            var text = $"{row.Name} {row.Kind} {row.Scope} {row.Place} {string.Join(',', row.Bounds)} {string.Join(';', row.Labels.Select(label => $"{label.Name}:{string.Join(',', label.Values)}"))}\n";
            foreach (var c in text)
                hash = unchecked((hash ^ c) * 0x100000001b3UL);
        }

        return unchecked((long)hash);
    }
}

/// <summary>What a worker process is doing, as its supervisor sees it; the numbers stand on the board.</summary>
internal static class WorkerStates
{
    /// <summary>The first has the number 1; 0 is no worker.</summary>
    public static readonly string[] Names = ["starting", "ready", "retiring", "stopping", "killed"];

    public const long Ready = 2;

    public static long Number(string name) => Array.IndexOf(Names, name) + 1;
}

/// <summary>Why a worker was replaced. The supervisor finds these words in its own reasons.</summary>
internal static class WorkerReasons
{
    public static readonly string[] Names =
        ["exit", "signal", "hung", "start_failed", "max_requests", "max_lifetime", "max_memory", "stuck", "reload", "sigterm"];
}

/// <summary>Why a connection was closed as soon as it was accepted.</summary>
internal static class ConnectionRefusals
{
    public static readonly string[] Names = ["denied", "address_limit", "gone"];

    /// <summary><c>deny</c> or <c>allow</c> keeps its address out.</summary>
    public const int Denied = 0;

    /// <summary>Its address had as many open as <c>limit_per_address</c> allows.</summary>
    public const int OverLimit = 1;

    /// <summary>The client had closed it before it could be set up.</summary>
    public const int Gone = 2;
}
