namespace Waitress.Configuration;

/// <summary>
/// The effective settings of one server: validated, immutable, compared by value. Made by <c>SettingsReader</c> from the
/// rows of <c>SettingsTable</c>, which hold the meaning, unit, default and origin of each; a name here is the option's
/// name in Pascal case.
/// </summary>
internal sealed partial record Settings
{
    /// <summary>The names of the worker classes.</summary>
    public const string Thread = "thread", Process = "process", Interpreter = "interpreter";

    // Where it listens. Host and port are already folded into Listen; exactly one of the three is in force:
    // Sockets when not empty, else UnixSocket when not null, else Listen.
    /// <summary>Each the written form of a <see cref="ListenAddress"/>: a port is always there.</summary>
    public ValueList<string> Listen { get; init; } = ["0.0.0.0:8080"];
    /// <summary>Whether somebody said where to listen; if not, systemd's sockets stand in for the default.</summary>
    public bool ListenStated { get; init; }
    public bool Ipv4 { get; init; } = true;
    public bool Ipv6 { get; init; } = true;
    public string? UnixSocket { get; init; }
    public int UnixSocketPerms { get; init; } = 0x180; // octal 600
    /// <summary>
    /// Descriptors (on Windows: handles) of sockets that the caller bound. They are duplicates that the Python layer made
    /// (<c>socket.dup()</c>): the engine closes them, the caller keeps its own.
    /// </summary>
    public ValueList<long> Sockets { get; init; } = [];
    public int Backlog { get; init; } = 1024;
    public int ConnectionLimit { get; init; } = 10_000;

    // Who runs the app.
    /// <summary>As stated; 0 (<see cref="SettingKind.Auto"/>) for as many as processors.</summary>
    public int? Workers { get; init; }
    public int? Threads { get; init; }
    public string WorkerClass { get; init; } = Thread;
    public int? MaxThreads { get; init; }
    public bool Asynchronous { get; init; } = true;
    /// <summary>Seconds that the app may take for a request; 0: no limit.</summary>
    public double RequestTimeout { get; init; }
    /// <summary>Seconds that a request may wait for a thread; 0: no limit.</summary>
    public double QueueTimeout { get; init; }
    public int? BacklogLimit { get; init; }
    /// <summary>Whether a supervisor process runs the workers.</summary>
    public bool Supervised { get; init; }

    /// <summary>Workers in force; .NET counts the processors that affinity and the container's limit leave (4 when nothing is stated, as in Waitress).</summary>
    public int WorkerCount => Workers is (int)SettingKind.Auto ? Environment.ProcessorCount : Workers ?? (Threads is null ? 4 : 1);
    /// <summary>Threads of one worker.</summary>
    public int ThreadsOfWorker => Threads ?? 1;
    /// <summary>Requests that one process serves at once: of class process each worker is one, otherwise it holds them all.</summary>
    public int Concurrency => WorkerClass == Process ? ThreadsOfWorker : WorkerCount * ThreadsOfWorker;
    /// <summary>Up to how many they may become.</summary>
    public int MostConcurrency => Math.Max(Concurrency, MaxThreads ?? 0);
    /// <summary>Interpreters of one process, each with a GIL of its own; 0: the app runs in the main one.</summary>
    public int Interpreters => WorkerClass == Interpreter ? WorkerCount : 0;

    // What the app is told.
    public string UrlScheme { get; init; } = "http";
    public string UrlPrefix { get; init; } = "";
    public string? Ident { get; init; } = "waitress";
    public string ServerName { get; init; } = "waitress.invalid";

    // Proxies in front.
    public ValueList<string> TrustedProxy { get; init; } = [];
    public int TrustedProxyCount { get; init; } = 1;
    public ValueList<string> TrustedProxyHeaders { get; init; } = [];
    public bool ClearUntrustedProxyHeaders { get; init; } = true;
    public bool LogUntrustedProxyHeaders { get; init; }

    // Limits. Sizes in bytes, times in seconds.
    public long MaxRequestHeaderSize { get; init; } = 262_144;
    public long MaxRequestBodySize { get; init; } = 1_073_741_824;
    public long InbufOverflow { get; init; } = 524_288;
    public long OutbufOverflow { get; init; } = 1_048_576;
    public long OutbufHighWatermark { get; init; } = 16_777_216;
    public int ChannelTimeout { get; init; } = 120;
    public int GracefulTimeout { get; init; } = 30;

    // What is told.
    public bool LogSocketErrors { get; init; } = true;
    public bool ExposeTracebacks { get; init; }
}
