using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Waitress.Configuration;
using Waitress.Metrics;

namespace Waitress.Admin;

/// <summary>An answer of the admin address.</summary>
internal sealed record AdminAnswer(int Status, string Type, byte[] Body)
{
    /// <summary>What a browser may do with it; the default is for texts and figures: nothing.</summary>
    public string Policy { get; init; } = "default-src 'none'; frame-ancestors 'none'";

    public static AdminAnswer Plain(int status, string text) => new(status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text + "\n"));
}

/// <summary>
/// What is served there: one row per path. Answers are made anew for each request and kept by nobody.
/// </summary>
/// <param name="service">Whose figures they are.</param>
/// <param name="settings">What is told of them.</param>
/// <param name="activity">What the workers are doing.</param>
internal sealed class AdminApplication(Service service, Settings settings, IActivity activity) : IHttpApplication<IFeatureCollection>, IDisposable
{
    private readonly History _history = new(service, TimeProvider.System);

    private delegate Task<AdminAnswer> Answer(IHttpRequestFeature request, CancellationToken gone);

    private volatile bool _closing;

    /// <summary>
    /// Whether the address is this machine's alone. Then a name other than localhost in Host is refused: a page of the web whose name was made to point here
    /// (DNS rebinding) could read everything through its visitor's browser.
    /// </summary>
    public bool IsLoopback { get; set; }

    /// <summary>Whether each answer ends its connection: another process answers from now on.</summary>
    public bool Closing
    {
        get => _closing;
        set => _closing = value;
    }

    private Dictionary<string, Answer> Paths => field ??= new(StringComparer.Ordinal)
    {
        ["/metrics"] = (request, _) => Task.FromResult(Metrics(request.Headers.Accept.ToString())),
        ["/healthz"] = (_, _) => Task.FromResult(AdminAnswer.Plain(200, "ok")),
        ["/readyz"] = (_, _) => Task.FromResult(Readiness()),
        ["/status"] = (_, _) => Task.FromResult(StatusPage.Answer),
        ["/status.json"] = (_, _) => StatusAsync(),
        ["/stack"] = (request, _) => StackAsync(QueryHelpers.ParseNullableQuery(request.QueryString)),
    };

    public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

    public async Task ProcessRequestAsync(IFeatureCollection context)
    {
        var request = context.GetRequiredFeature<IHttpRequestFeature>();
        var head = context.GetRequiredFeature<IHttpResponseFeature>();
        var answer = await AnswerAsync(request, head, context.GetRequiredFeature<IHttpRequestLifetimeFeature>().RequestAborted);
        head.StatusCode = answer.Status;
        head.Headers.ContentType = answer.Type;
        head.Headers.ContentLength = answer.Body.Length;
        head.Headers.CacheControl = "no-store";
        head.Headers.XContentTypeOptions = "nosniff";
        head.Headers.ContentSecurityPolicy = answer.Policy;
        head.Headers["Referrer-Policy"] = "no-referrer";
        if (Closing)
            head.Headers.Connection = "close";
        if (!HttpMethods.IsHead(request.Method))
            await context.GetRequiredFeature<IHttpResponseBodyFeature>().Writer.WriteAsync(answer.Body);
    }

    public void Dispose() => _history.Dispose();

    /// <summary>From here on the history has something to tell.</summary>
    public void Start() => _history.Start();

    /// <summary>What /status.json says, with what the workers have told.</summary>
    public byte[] Status(IReadOnlyList<(int Slot, string Report)> reports, bool partial) =>
        StatusJson.Write(service, settings, _history, reports, partial, TimeProvider.System);

    public void DisposeContext(IFeatureCollection context, Exception? exception)
    {
    }

    private async Task<AdminAnswer> AnswerAsync(IHttpRequestFeature request, IHttpResponseFeature head, CancellationToken gone)
    {
        if (IsLoopback && !IsLocal(request.Headers.Host.ToString()))
            return AdminAnswer.Plain(403, "This address answers to localhost and to IP addresses only");
        if (!Paths.TryGetValue(request.Path, out var answer))
            return AdminAnswer.Plain(404, $"There are: {string.Join(", ", Paths.Keys)}");
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
            return await answer(request, gone);
        head.Headers.Allow = "GET, HEAD";
        return AdminAnswer.Plain(405, "Only GET and HEAD");
    }

    private AdminAnswer Metrics(string accept)
    {
        var open = Formats.WantsOpenMetrics(accept);
        return new AdminAnswer(200, open ? MetricsText.OpenMetricsType : MetricsText.PrometheusType, MetricsText.Write(service, open));
    }

    private async Task<AdminAnswer> StatusAsync()
    {
        var (reports, partial) = await activity.ReadAsync();
        return new AdminAnswer(200, "application/json", Status(reports, partial));
    }

    private async Task<AdminAnswer> StackAsync(Dictionary<string, StringValues>? query)
    {
        if (query is null || !int.TryParse(query.GetValueOrDefault("worker"), CultureInfo.InvariantCulture, out var slot)
            || !long.TryParse(query.GetValueOrDefault("id"), CultureInfo.InvariantCulture, out var id))
            return AdminAnswer.Plain(400, "Say which: /stack?worker=SLOT&id=ID, as in /status.json");
        try
        {
            return await activity.StackAsync(slot, id) is { } stack
                ? AdminAnswer.Plain(200, stack) : AdminAnswer.Plain(404, "That request has ended, or no thread has it");
        }
        catch (TimeoutException)
        {
            return AdminAnswer.Plain(503, "The worker does not answer; waitress-ctl stacks may tell more");
        }
    }

    private AdminAnswer Readiness() => Service.NotReady(service.Board.Read()) is { } reason ? AdminAnswer.Plain(503, reason) : AdminAnswer.Plain(200, "ready");

    private static bool IsLocal(string host)
    {
        var name = new HostString(host).Host;
        return name.Length == 0 || name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(name, out _);
    }
}
