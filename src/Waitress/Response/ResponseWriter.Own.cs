using System.Buffers;
using Waitress.Metrics;

namespace Waitress.Response;

/// <summary>Answers about the server itself.</summary>
internal sealed partial class ResponseWriter
{
    /// <summary>Answers with the metrics. Made on .NET's pool: the I/O thread does not wait for what the system tells of processes.</summary>
    public async ValueTask AnswerAsync(Service service)
    {
        var open = Formats.WantsOpenMetrics(exchange.Request.Headers.Accept.ToString());
        var body = await Task.Run(() => MetricsText.Write(service, open));
        Start(200, null);
        _head.Headers.ContentType = open ? MetricsText.OpenMetricsType : MetricsText.PrometheusType;
        _head.Headers.CacheControl = "no-store";
        Declared = Written = body.Length;
        if (!Suppressed)
        {
            _gathered = ArrayPool<byte>.Shared.Rent(body.Length);
            body.CopyTo(_gathered.AsSpan());
            _gatheredLength = body.Length;
        }

        await FinishAsync();
    }
}
