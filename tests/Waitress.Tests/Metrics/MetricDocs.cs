using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

/// <summary>Writes docs/metrics.md from the table of metrics. It lives here, since only the test that compares the two runs it.</summary>
internal static class MetricDocs
{
    private const string Intro = """
        # Metrics and health

        The table below is made from the table of metrics in the code (`MetricTable`); a test fails when the two differ.

        `waitress-serve --admin-listen=9090 myapp:app` serves on 127.0.0.1:9090, for `GET` and `HEAD`:

        | Path | What |
        | --- | --- |
        | `/metrics` | Everything below: Prometheus's text format 0.0.4, or OpenMetrics 1.0 for whoever asks for it (`Accept`) |
        | `/healthz` | 200 as long as the process that answers lives. For "restart me": it says nothing about workers, which their supervisor watches |
        | `/readyz` | 200 `ready`, or 503 with the reason: `starting`, `no worker is ready`, `stopping`. For "send me requests": 503 from the first moment of a graceful stop on, and it is still answered while requests in flight are finished |
        | `/status` | A page that shows it all, live: [status.md](status.md) |
        | `/status.json` | What the page shows: [status.md](status.md) |
        | `/stack` | The Python stack of a request under way: [status.md](status.md) |

        - `ADDRESS` is `HOST:PORT`, a port alone (of 127.0.0.1), or `unix:PATH` with the rights of `--unix-socket-perms`. There is no password: whoever reaches the address
          reads all of it. On a loopback address a `Host` header with a name other than `localhost` is refused (403), so that no web page can read it through its visitor's browser.
        - It has 64 connections at most; one more takes the place of the oldest, so that idle ones keep no probe out.
        - All of it is answered without Python and by threads of their own: while every worker thread is busy, while a worker hangs, and while none is there.
        - Under a supervisor the supervisor answers, for the whole service; else the one process. These requests don't count in the metrics and not against `connection_limit`.
        - `--metrics-path=/metrics` has the metrics on the main port as well. Any worker answers with those of the whole service. `GET` and `HEAD` of this path
          don't reach the app, and every client may read them: leave it out where the main port is public.
        - An address that can't be had ends the start with code 1, as with `--listen`. With `--user` the supervisor opens it first; without a supervisor it is opened as that user.
        - After SIGUSR2 the old supervisor answers until the new one serves, and again if that one ends first. The new service begins to count at 0.
        - `--otlp-endpoint` sends them to an OpenTelemetry collector instead, or as well: [tracing.md](tracing.md).

        ## How it counts

        Each worker counts in memory that it shares with its supervisor. So a scrape asks no worker, `kill -9` loses no count, and counters of the service never go back: what a worker
        had counted is kept when it ends. Figures of the kind "now" (in flight, queue, threads, heaps) are at most a second old under a supervisor, without one they are of this moment.
        Series `slot="N"` belong to one worker process and begin anew when the slot gets another one; `slot="supervisor"` is the supervisor. `waitress_worker_info` joins the
        worker's name in the log and its process number. Labels have the values listed and no others, whatever clients send, so the number of series is fixed.

        It counts always, whether anybody asks or not, and costs less than a hundredth of the smallest request ([bench/README.md](../bench/README.md)).

        ## A scrape

        ```yaml
        scrape_configs:
          - job_name: waitress
            static_configs:
              - targets: ["127.0.0.1:9090"]
        ```

        [deploy/grafana-dashboard.json](../deploy/grafana-dashboard.json) shows them in Grafana 10 and newer: Dashboards, New, Import. A test asks a running server for every metric in it.

        Some questions, in PromQL:

        | Question | Answer |
        | --- | --- |
        | Requests per second | `sum(rate(waitress_requests_total[5m]))` |
        | Share of errors | `sum(rate(waitress_requests_total{status="5xx"}[5m])) / sum(rate(waitress_requests_total[5m]))` |
        | 99th percentile of the duration | `histogram_quantile(0.99, sum by (le) (rate(waitress_request_duration_seconds_bucket[5m])))` |
        | How busy the threads are, 0 to 1 | `sum(rate(waitress_thread_busy_seconds_total[5m])) / sum(waitress_threads)` |
        | Do requests wait for a thread? More `--threads` or workers | `histogram_quantile(0.95, sum by (le) (rate(waitress_request_queue_wait_seconds_bucket[5m])))` |
        | Do threads wait for the GIL? Fewer threads, more workers of class process | `sum(rate(waitress_request_gil_wait_seconds_sum[5m])) / sum(rate(waitress_request_gil_wait_seconds_count[5m]))` |
        | Does a worker grow? | `max by (slot) (waitress_worker_private_memory_bytes)` |
        | Are workers lost? | `sum by (reason) (increase(waitress_worker_restarts_total{reason=~"exit\|signal\|hung\|stuck\|start_failed"}[1h]))` |

        ## The metrics

        """;

    public static string Write()
    {
        var text = new StringBuilder(Intro);
        text.Append("\n| Name | Kind | Labels | What |\n| --- | --- | --- | --- |\n");
        foreach (var row in MetricTable.All)
            text.Append($"| `{Name(row)}` | {row.Kind.ToString().ToLowerInvariant()} | {Labels(row)} | {row.Help} |\n");
        text.Append("\nBuckets of the times, in seconds: ").Append(Bounds(MetricTable.Duration)).Append(".\n");
        text.Append("\nBuckets of the sizes, in bytes: ").Append(Bounds(MetricTable.RequestSize)).Append(".\n");
        return text.ToString();
    }

    public static string File([CallerFilePath] string here = "")
    {
        var folder = Path.GetDirectoryName(here)!;
        while (!System.IO.File.Exists(Path.Combine(folder, "Waitress.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return Path.Combine(folder, "docs", "metrics.md");
    }

    private static string Name(MetricRow row) => row.FullName + row.Kind switch
    {
        MetricKind.Counter => "_total",
        MetricKind.Info => "_info",
        _ => "",
    };

    private static string Labels(MetricRow row)
    {
        var labels = row.Labels.Select(label => $"`{label.Name}`: {string.Join(", ", label.Values)}");
        if (row.Scope is MetricScope.Worker or MetricScope.MadeOfProcess)
            labels = labels.Prepend("`slot`");
        return string.Join("; ", labels);
    }

    private static string Bounds(MetricRow row) =>
        string.Join(", ", row.Bounds.Select(bound => (bound * row.Scale).ToString("0.######", CultureInfo.InvariantCulture)));
}
