using System.Runtime.CompilerServices;
using System.Text;
using Waitress.Telemetry;

namespace Waitress.Tests.Telemetry;

/// <summary>Writes docs/logging.md from the table of log events. It lives here, since only the test that compares the two runs it.</summary>
internal static class LogDocs
{
    private const string Intro = """
        # Logging

        This page is made from the table of log events in the code (`LogEvent`); a test fails when the two differ.

        Every entry goes through Python's `logging`, on two loggers: `waitress`, and below it `waitress.queue` for the queue
        of requests alone; a supervisor has `waitress.supervisor`, and `--memory-report` writes to `waitress.memory`. The app's own set-up of `logging` rules, unless an option below says where
        entries go. The access log is another matter: [access-log.md](access-log.md).

        - `waitress-serve` sets the logger `waitress` to INFO where the app has given it no level, and calls
          `logging.basicConfig()`, which does nothing where the app has set up handlers.
        - `serve()` calls `logging.basicConfig()` and leaves levels alone. Without a set-up by the program the root logger is at
          WARNING, so the start lines do not show. `_quiet=True` leaves `logging` untouched.
        - `create_server()` touches nothing.

        ## Where entries go

        | Option | What it does |
        | --- | --- |
        | `--log-level=LEVEL` | The level of the logger `waitress`: debug, info, warning, error or critical. |
        | `--log-file=PATH` | Entries go to that file; `-` for standard error. A file that logrotate moves or removes is noticed at the next entry; SIGUSR1 and `waitress-ctl reopen` make it anew at once. While it can't be opened or written (its folder is gone, the disk is full) entries go to standard error, also those of a worker that is started meanwhile. |
        | `--log-syslog=ADDRESS` | Entries go to the syslog at that unix socket (`/dev/log`) or at `udp://HOST:PORT` (514 when no port is said), with facility daemon. |
        | `--log-journal` | Entries go to systemd's journal by its own protocol: level as PRIORITY, LOGGER, THREAD_NAME, CODE_FILE, CODE_LINE, CODE_FUNC, WAITRESS_WORKER, and a traceback as one entry. |
        | `--log-format=json` | Each entry is an object in a line, on standard error, in the file and in syslog. |

        File, syslog and journal may be had together. Where any of them is stated, the entries of `waitress` and below go there and nowhere else: handlers
        of the app do not get them any more (`propagate` is off), and its own loggers are left alone. The options hold for the supervisor, its
        workers and interpreters, each of which opens the destination itself; and for `serve()` and `create_server()`, which without such keywords
        (or `WAITRESS_LOG_*`) leave logging as it is. A destination that can't be had ends the program at its start. A reload (SIGHUP) gives the workers what
        the settings say then; the supervisor keeps what it began with.

        With `--log-format=json` and no destination the root logger gets the same form when the app has set up no handlers, so that all of standard
        error can be parsed. The keys: `time` (universal, RFC 3339), `level`, `logger`, `message`, `pid`, `worker` (the worker's name, or null), and
        `exception` or `stack` where there is one.

        Syslog and journal get datagrams, and nobody waits for them: what they do not take at once is lost, and counted in the next entry that they take.
        An entry that is too long for a datagram is cut to 16,384 characters.

        ## Examples

        To see the start lines of a `serve()`:

        ```python
        logging.basicConfig(level=logging.INFO)
        ```

        To silence the queue, and only it:

        ```python
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        ```

        ## Entries of the engine

        The engine never calls Python's logging by itself. It puts entries into a mailbox, and the thread that runs the server takes
        them out. So a slow log handler never delays a request. The mailbox holds 1,024 entries; what does not fit is counted, and
        the count is logged. The number belongs to the entry for ever and is never used for another one; it is not part of the text.

        """;

    private const string Rest = """

        ## Entries of the Python side

        | Logger | Level | Text | When |
        | --- | --- | --- | --- |
        | `waitress` | INFO | Serving on http://HOST:PORT | At the start, once per address; a unix socket reads `http://unix:PATH`. With TLS it is `https`. |
        | `waitress` | INFO | CPython VERSION, N threads, N requests served at once, engine BUILD | At the start: the interpreter, the worker threads, what the engine was built from. |
        | `waitress` | INFO | SIGNAL: finishing the requests in flight; a second signal ends at once | SIGINT or SIGTERM came (Ctrl-Break on Windows). |
        | `waitress` | WARNING | N thread(s) still running: NAMES | Workers were still inside the app 5 seconds after the stop. |
        | `waitress` | ERROR | Exception while serving METHOD PATH | The app raised, or broke PEP 3333; the traceback follows. SystemExit and KeyboardInterrupt included. |
        | `waitress` | ERROR | METHOD PATH took longer than request_timeout (SECONDS s); the stack of its thread, in which RequestTimeout is raised now: | The stack follows, innermost call last. The text ends with "it has ended just now" where there is none to show. |
        | `waitress` | ERROR | METHOD PATH took longer than request_timeout (SECONDS s); where its task waits, which is cancelled now: | The same of an ASGI app: the stack of the task follows. |
        | `waitress` | ERROR | The event loop has not turned for SECONDS s; the stack of its thread: | Something blocks the event loop of an ASGI app for `loop_stall` seconds or more; once for each time. |
        | `waitress` | WARNING | N task(s) of the app still ran after graceful_timeout (SECONDS s); they are cancelled | At the stop of an ASGI app. |
        | `waitress` | ERROR | Exception in the app's lifespan | An ASGI app raised in its lifespan after its start-up was complete; the traceback follows. |
        | `waitress` | ERROR | The app's shutdown failed: MESSAGE; The app's shutdown took longer than SECONDS s | What an ASGI app made of `lifespan.shutdown`. |
        | `waitress` | INFO | CPython VERSION, ASGI app on LOOPS (NAME), engine BUILD | At the start of an ASGI app: one event loop, or how many, and where. |
        | `waitress` | INFO | MODULE is installed and can not be used here (REASON): the event loop is asyncio's own | At the start of an ASGI app with `loop` auto: uvloop, in an interpreter of its own for one. |
        | `waitress` | ERROR | Could not start N more thread(s): REASON | The system refused a thread (`--max-threads`, or one in the place of a stuck one). Tried again after 5 seconds while it is needed. |
        | `waitress` | WARNING | (the settings in doubt, in words) | `waitress-serve` found settings that work but need a look, such as an unknown `WAITRESS_` name. `serve()` tells them as Python warnings. |

        What an app writes to `wsgi.errors` goes to `sys.stderr`.

        """;

    // What stands for the values of each entry, and when it is written: the part that the table in the code does not know.
    private static readonly Dictionary<LogEvent, (string[] Values, string When)> Notes = new()
    {
        [LogEvent.QueueDepth] = (["N"], "More requests wait than threads are idle. At most once a second, with the largest number since. More `--threads` help where the app waits (database, other services)."),
        [LogEvent.Refused] = (["PEER", "STATUS", "REASON"], "A request was refused before the app saw it. Control characters in the reason are escaped."),
        [LogEvent.LimitReached] = (["N"], "`connection_limit` is reached; nobody is refused."),
        [LogEvent.LimitLeft] = ([], "A tenth of the limit, at least one connection, is free again."),
        [LogEvent.TooManyBytes] = (["LENGTH", "METHOD", "TARGET"], "The app gave more bytes than its Content-Length; the rest was cut. Once per response."),
        [LogEvent.TooFewBytes] = (["BYTES", "LENGTH", "METHOD", "TARGET"], "The app gave fewer bytes than its Content-Length; the connection was closed so that the client sees it."),
        [LogEvent.BodyForbidden] = (["STATUS", "METHOD", "TARGET"], "The app gave a body with 204, 205 or 304; it was dropped."),
        [LogEvent.Disconnected] = (["METHOD", "TARGET"], "The client left while its answer was made; the iterable was closed, or `write()` raised a ConnectionError that the app let through."),
        [LogEvent.StorageFailed] = (["WHAT", "REASON"], "A temporary file could not be written (full disk, quota). The client got 500 where the head had not left."),
        [LogEvent.ProxyHeaders] = (["(the case in words)"], "A trusted proxy sent a malformed header, or, with `log_untrusted_proxy_headers`, untrusted ones were removed."),
        [LogEvent.StillRunning] = (["N", "SECONDS"], "The stop did not wait longer than `graceful_timeout`."),
        [LogEvent.Lost] = (["N"], "The mailbox was full."),
        [LogEvent.AcceptFailed] = (["(address and reason in words)"], "The system refused to accept, most often for want of descriptors (`ulimit -n`). The server tries again when a connection closes, after a second at the latest."),
        [LogEvent.EngineFault] = (["(exception)"], "A fault of this server. Please report it."),
        [LogEvent.QueueTimeout] = (["N", "SECONDS"], "No thread was free for them in time (`queue_timeout`); the app never saw them. At most once a second, with the number since."),
        [LogEvent.BacklogFull] = (["N", "LIMIT"], "More requests came than may wait (`backlog_limit`). At most once a second, with the number since."),
        [LogEvent.ThreadBack] = (["METHOD PATH", "SECONDS"], "A thread that was stuck has left the app and ended; another one has had its place since."),
        [LogEvent.ThreadsStuck] = (["N", "M"], "A second after the exception that many threads are still in the app: in C code that waits, or in code that holds on to the exception. Told whenever there are more of them."),
        [LogEvent.AccessLogFailed] = (["PATH", "REASON", "BYTES"], "The access log's file takes nothing: full disk, quota, a pipe whose reader has ended. It is tried again each second."),
        [LogEvent.AccessLogBack] = (["PATH", "N"], "It takes lines again."),
        [LogEvent.AccessLogLost] = (["N", "PATH"], "Lines came while as many waited as may. At most each ten seconds, with the number since the start."),
        [LogEvent.AccessLogReopened] = (["PATH"], "The file was moved or removed, or SIGUSR1 came."),
        [LogEvent.AccessLogNotReopened] = (["The access log PATH can't be opened: REASON"], "Told once; it is tried again with every look, ten times a second while requests come."),
        [LogEvent.AccessLogCopied] = (["PATH", "N"], "logrotate's copytruncate; each process tells it for its own lines."),
        [LogEvent.AccessLogCut] = (["PATH", "REASON"], "Somebody cut the file, or the copy was compressed or moved to another place at once ([access-log.md](access-log.md))."),
        [LogEvent.AccessLogLeft] = (["N", "PATH"], "At the stop the file took no bytes for two seconds."),
        [LogEvent.AdminServing] = (["http://HOST:PORT"], "`--admin-listen` is served from here on."),
        [LogEvent.OtherLayout] = ([], "The package was upgraded and the service reloaded, so that supervisor and worker have different metrics."),
        [LogEvent.TooManyStuck] = (["N"], "From now on a stuck thread costs a place of the pool. Replace the process."),
        [LogEvent.Certificate] = (["NAMES", "SUBJECT", "TIME"], "At the start, once per certificate; of class process each worker says so."),
        [LogEvent.CertificateEnds] = (["NAMES", "N", "TIME"], "Less than two weeks are left: the renewal does not work. Once a day."),
        [LogEvent.CertificateEnded] = (["NAMES", "TIME"], "It is served all the same. Once a day."),
        [LogEvent.CertificateBegins] = (["NAMES", "TIME"], "The clock of this machine, or of the one that made it, is wrong, or it was put into force too early. Once a day."),
        [LogEvent.CertificateRenewed] = (["NAMES", "SUBJECT", "TIME"], "Its files have changed; new connections get the new one, open ones go on."),
        [LogEvent.CertificateKept] = (["CERTIFICATE", "(file and reason in words)"], "Once per change of the files."),
        [LogEvent.AuthoritiesRenewed] = (["N"], "The file of `ca_certs` has changed."),
        [LogEvent.HandshakeFailed] = (["PEER", "REASON"], "A client that speaks no common version, does not trust the certificate, sent none where one is required, or no client at all. The reason is OpenSSL's where it is not ours."),
        [LogEvent.PlainRequest] = (["PEER"], "It got 400, which says that the port speaks HTTPS."),
        [LogEvent.Http2Failed] = (["PEER", "REASON"], "The client broke the protocol, or sent too much of something (docs/http.md); it was told by GOAWAY."),
        [LogEvent.ConnectionsDenied] = (["N", "PEER"], "Clients that `deny` or `allow` keeps out connected. The first at once, then at most every ten seconds, with the number since; so the next three."),
        [LogEvent.ConnectionsOverLimit] = (["N", "PEER"], "Addresses wanted more connections than `limit_per_address`."),
        [LogEvent.RequestsDenied] = (["N", "CLIENT"], "Clients that a proxy named, or that were connected before the list changed, are kept out by `deny` or `allow`."),
        [LogEvent.RequestsOverRate] = (["N", "CLIENT"], "Clients sent more requests than `rate_limit`."),
        [LogEvent.ListRead] = (["FILE", "N"], "A file of `deny` or `allow` has changed, and counts from now on."),
        [LogEvent.ListBroken] = (["(file and reason in words)"], "A file of `deny` or `allow` has changed to something that can't be used. Once per change."),
        [LogEvent.OtlpExports] = (["Traces and metrics", "URL"], "`otlp_endpoint` is set. Once per service."),
        [LogEvent.OtlpFailed] = (["SIGNAL", "URL", "REASON"], "The collector is gone, slow or refuses what it gets. Told once, until it takes it again. Per worker for traces."),
        [LogEvent.OtlpBack] = (["SIGNAL", "URL", "; N span(s) were dropped meanwhile"], "The end of that."),
        [LogEvent.OtlpPartial] = (["URL", "SIGNAL", "N rejected: REASON"], "The collector's own words (partial_success). Told once, until it takes all."),
        [LogEvent.SpansDropped] = (["URL"], "4 MiB of spans wait in this worker; requests do not wait. Told once, until the queue is empty. `waitress_spans_total` counts them."),
        [LogEvent.TracesLimited] = (["number"], "Told once per worker. The default is a sample of so many; traces that a caller has begun are not counted ([tracing.md](tracing.md#how-many-are-recorded))."),
        [LogEvent.NoResponse] = (["METHOD", "PATH"], "An ASGI app's coroutine ended without having sent `http.response.start`; the client got 500."),
        [LogEvent.ResponseUnfinished] = (["METHOD", "PATH"], "An ASGI app's coroutine ended before its last `http.response.body`."),
    };

    public static string Write()
    {
        var text = new StringBuilder(Intro);
        text.Append("\n| Number | Logger | Level | Text | When |\n| --- | --- | --- | --- | --- |\n");
        foreach (var entry in LogEvent.All)
        {
            var (values, when) = Notes[entry];
            text.Append($"| {entry.Id} | `{entry.Logger}` | {Level(entry.Level)} | {entry.Write([.. values])} | {when} |\n");
        }

        return text.Append(Rest).ToString();
    }

    public static string File([CallerFilePath] string here = "")
    {
        var folder = Path.GetDirectoryName(here)!;
        while (!System.IO.File.Exists(Path.Combine(folder, "Waitress.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return Path.Combine(folder, "docs", "logging.md");
    }

    private static string Level(int level) => level switch
    {
        10 => "DEBUG",
        20 => "INFO",
        30 => "WARNING",
        40 => "ERROR",
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "no level of Python's logging"),
    };
}
