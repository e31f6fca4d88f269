// The way out to a collector: OTLP over HTTP, binary Protocol Buffers.
// Receives whole messages from two threads that do nothing else (SpanExporter, MetricsExporter), and tells what came of each: done, worth another try, or refused.
// Promises that no request waits for a collector: what is to be sent is bounded, and so is the time of an attempt. Calls are synchronous, because asynchronous ones
// would go on upon the I/O thread (inline completions). Which process exports what: each that serves its own spans; the metrics, which are the whole service's, the
// supervisor, or without one the process that serves.
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Waitress.Configuration;

namespace Waitress.Otlp;

/// <summary>What came of one attempt.</summary>
internal enum Delivery
{
    /// <summary>The collector has it.</summary>
    Done,

    /// <summary>Not now (OTLP: 429, 502, 503, 504, or no connection).</summary>
    Later,

    /// <summary>Never: it would be refused again.</summary>
    Refused,
}

/// <summary>One attempt's outcome.</summary>
/// <param name="Delivery">What is to be done.</param>
/// <param name="Reason">For the log; of <see cref="Delivery.Done"/> what the collector did not take of it, or null.</param>
/// <param name="After">How long the collector wants to be left alone; null: it does not say.</param>
internal readonly record struct Attempt(Delivery Delivery, string? Reason = null, TimeSpan? After = null);

/// <summary>Posts messages of one signal to its address.</summary>
internal sealed class OtlpClient : IDisposable
{
    private const string MediaType = "application/x-protobuf";

    // A collector's answer is a few bytes; whoever sends more is none.
    private const int MostAnswer = 1024 * 1024;

    // Of an error of theirs, in our log.
    private const int LongestReason = 200;

    private readonly HttpClient _http;
    private readonly Uri _url;
    private readonly IReadOnlyList<KeyValuePair<string, string>> _headers;
    private readonly TimeProvider _time;
    private readonly MemoryStream? _zipped;

    /// <param name="url">Of the signal.</param>
    /// <param name="settings">Headers for each message, the time of an attempt, and whether messages are compressed.</param>
    /// <param name="time">The clock for a Retry-After that is a date.</param>
    public OtlpClient(Uri url, OtelSettings settings, TimeProvider time)
    {
        (_url, _headers, _time) = (url, settings.Headers, time);
        _zipped = settings.Gzip ? new MemoryStream() : null;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            ConnectTimeout = settings.Timeout,

            // A name that changes its address is looked up again.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
        };
        _http = new HttpClient(handler) { Timeout = settings.Timeout, MaxResponseContentBufferSize = MostAnswer };
    }

    /// <summary>The address of a signal below the endpoint, as OTEL_EXPORTER_OTLP_ENDPOINT is defined.</summary>
    public static Uri Address(string endpoint, string signal) => new($"{endpoint.TrimEnd('/')}/v1/{signal}");

    /// <summary>One attempt, on the caller's thread.</summary>
    public Attempt Send(ReadOnlyMemory<byte> message, CancellationToken stop)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ReadOnlyMemoryContent(_zipped is null ? message : Zipped(message)) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaType);
            if (_zipped is not null)
                request.Content.Headers.ContentEncoding.Add("gzip");
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("OTel-OTLP-Exporter-Waitress", Metrics.Service.Version));
            foreach (var (name, value) in _headers)
                request.Headers.TryAddWithoutValidation(name, value);
            using var answer = _http.Send(request, stop); // With its content: the limit of time is for both.
            return Read(answer);
        }
        catch (OperationCanceledException)
        {
            return new Attempt(Delivery.Later, stop.IsCancellationRequested ? "the server stops" : $"no answer within {_http.Timeout.TotalSeconds:0.###} s");
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            return new Attempt(Delivery.Refused, "its answer is too long for a collector's");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new Attempt(Delivery.Later, Innermost(e));
        }
    }

    public void Dispose() => _http.Dispose();

    // In memory that is kept: the fastest level, which leaves a tenth of spans that are much alike.
    private ReadOnlyMemory<byte> Zipped(ReadOnlyMemory<byte> message)
    {
        _zipped!.SetLength(0);
        using (var gzip = new GZipStream(_zipped, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(message.Span);
        return _zipped.GetBuffer().AsMemory(0, (int)_zipped.Length);
    }

    private Attempt Read(HttpResponseMessage answer)
    {
        var status = (int)answer.StatusCode;
        if (status is >= 200 and < 300)
            return new Attempt(Delivery.Done, PartialSuccess.Read(Content(answer)));
        var reason = $"it answers {status} {answer.ReasonPhrase}".TrimEnd();
        return answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout
            ? new Attempt(Delivery.Later, reason, After(answer.Headers.RetryAfter))
            : new Attempt(Delivery.Refused, reason);
    }

    private static byte[] Content(HttpResponseMessage answer)
    {
        using var stream = answer.Content.ReadAsStream();
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private TimeSpan? After(RetryConditionHeaderValue? field)
    {
        var after = field?.Delta ?? (field?.Date is { } date ? date - _time.GetUtcNow() : null);
        return after < TimeSpan.Zero ? TimeSpan.Zero : after;
    }

    private static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
            e = inner;
        var text = e is SocketException socket ? socket.Message : e.Message;
        return text.Length <= LongestReason ? text : text[..LongestReason];
    }
}

/// <summary>What a collector has to say of what it took only in part (OTLP: partial_success).</summary>
internal static class PartialSuccess
{
    private const int LongestText = 200;

    /// <summary>Null when it took all, or says something else. Never throws on what a collector sent.</summary>
    public static string? Read(ReadOnlySpan<byte> answer)
    {
        if (!TryField(ref answer, out var number, out _, out var partial) || number != 1)
            return null;
        var (rejected, message) = (0UL, "");
        while (TryField(ref partial, out number, out var value, out var content))
        {
            if (number == 1)
                rejected = value;
            else if (number == 2)
                message = Encoding.UTF8.GetString(content[..Math.Min(content.Length, LongestText)]);
        }

        return rejected == 0 && message.Length == 0 ? null : $"{rejected} rejected: {message}";
    }

    private static bool TryField(ref ReadOnlySpan<byte> bytes, out ulong number, out ulong value, out ReadOnlySpan<byte> content)
    {
        (number, value) = (0, 0);
        content = default;
        if (!TryVarint(ref bytes, out var tag))
            return false;
        number = tag >> 3;
        switch (tag & 7)
        {
            case 0:
                return TryVarint(ref bytes, out value);
            case 2 when TryVarint(ref bytes, out var length) && length <= (ulong)bytes.Length:
                content = bytes[..(int)length];
                bytes = bytes[(int)length..];
                return true;
            default:
                return false;
        }
    }

    private static bool TryVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (var i = 0; i < Math.Min(bytes.Length, 10); i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if ((bytes[i] & 0x80) != 0)
                continue;
            bytes = bytes[(i + 1)..];
            return true;
        }

        return false;
    }
}
