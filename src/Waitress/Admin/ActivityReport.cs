using System.Buffers;
using System.Text;
using System.Text.Json;
using Waitress.Http;
using Waitress.Metrics;

namespace Waitress.Admin;

/// <summary>What one worker process is doing, as the JSON that passes to its supervisor: its routes and its requests under way.</summary>
internal static class ActivityReport
{
    /// <summary>Requests that a worker tells of, the oldest first.</summary>
    public const int MostRequests = 100;

    // Of a worker with hundreds of routes those with the longest times and all that fail; the whole of it would be a waste to send once a second.
    private const int MostRoutes = 100;

    public static string Write(RouteTable table, LiveRequests live, string kind, Func<long, string?> thread, TimeProvider time)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            var (routes, lost) = table.Read();
            var (oldest, more) = live.Read(MostRequests);
            json.WriteStartObject();
            json.WriteString("interface", kind);
            json.WriteBoolean("partial", lost);
            json.WriteBoolean("more", more);
            json.WriteStartArray("routes");
            var told = routes.OrderByDescending(route => route.Value.Errors).ThenByDescending(route => Mean(route.Value)).Take(MostRoutes)
                .Union(routes.OrderByDescending(route => Mean(route.Value)).Take(MostRoutes));
            foreach (var (route, figures) in told)
            {
                json.WriteStartArray();
                json.WriteStringValue(route);
                json.WriteNumberValue(figures.Requests);
                json.WriteNumberValue(figures.Errors);
                json.WriteNumberValue(figures.Time);
                json.WriteNumberValue(figures.Longest);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteStartArray("requests");
            foreach (var request in oldest)
            {
                json.WriteStartObject();
                json.WriteNumber("id", request.Id);
                json.WriteNumber("age", Math.Round(time.GetElapsedTime(request.Began).TotalSeconds, 6));
                json.WriteString("state", request.State);
                json.WriteString("method", request.Method);
                json.WriteString("path", request.Path);
                json.WriteString("client", request.Client);
                json.WriteString("thread", request.State == "app" ? thread(request.Id) : null);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static long Mean(RouteFigures figures) => figures.Time / Math.Max(figures.Requests, 1);
}
