using System.Text.Json;
using Waitress.Metrics;

namespace Waitress.Admin;

/// <summary>The reports of all workers as one (<see cref="ActivityReport"/>): routes added up, the oldest requests of all.</summary>
internal sealed class ActivitySummary
{
    private const int MostRoutes = 10;

    private readonly Dictionary<string, RouteFigures> _routes = new(StringComparer.Ordinal);
    private readonly List<(int Slot, double Age, JsonElement Request)> _requests = [];
    private readonly bool _missing;
    private bool _lost, _more;

    public ActivitySummary(IReadOnlyList<(int Slot, string Report)> reports, bool partial)
    {
        _missing = partial;
        foreach (var (slot, report) in reports)
            Add(slot, report);
    }

    /// <summary>What kind of app the workers serve (the setting's words); null when none has said.</summary>
    public string? Interface { get; private set; }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("routes");
        json.WriteNumber("seconds", RouteTable.Seconds);
        json.WriteBoolean("partial", _missing || _lost);
        WriteRoutes(json, "slowest", _routes.OrderByDescending(route => Mean(route.Value)));
        WriteRoutes(json, "failing", _routes.Where(route => route.Value.Errors > 0).OrderByDescending(route => route.Value.Errors));
        json.WriteEndObject();

        json.WriteStartObject("in_flight");
        json.WriteBoolean("partial", _missing || _more || _requests.Count > ActivityReport.MostRequests);
        json.WriteStartArray("requests");
        foreach (var (slot, _, request) in _requests.OrderByDescending(request => request.Age).Take(ActivityReport.MostRequests))
        {
            json.WriteStartObject();
            json.WriteNumber("worker", slot);
            foreach (var property in request.EnumerateObject())
                property.WriteTo(json);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // A report comes from a worker of ours, whose version may be another one after an upgrade: what can't be read is left out.
    private void Add(int slot, string report)
    {
        try
        {
            using var document = JsonDocument.Parse(report);
            var root = document.RootElement;
            if (!root.TryGetProperty("routes", out var routes) || !root.TryGetProperty("requests", out var requests))
                return;
            if (root.TryGetProperty("interface", out var kind))
                Interface = kind.GetString();
            _lost |= root.GetProperty("partial").GetBoolean();
            _more |= root.GetProperty("more").GetBoolean();
            foreach (var route in routes.EnumerateArray())
            {
                var sum = _routes.GetValueOrDefault(route[0].GetString()!);
                sum.Add(new RouteFigures { Requests = route[1].GetInt64(), Errors = route[2].GetInt64(), Time = route[3].GetInt64(), Longest = route[4].GetInt64() });
                _routes[route[0].GetString()!] = sum;
            }

            foreach (var request in requests.EnumerateArray())
                _requests.Add((slot, request.GetProperty("age").GetDouble(), request.Clone()));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            _lost = true;
        }
    }

    private static void WriteRoutes(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, RouteFigures>> routes)
    {
        json.WriteStartArray(name);
        foreach (var (route, figures) in routes.Take(MostRoutes))
        {
            var space = route.IndexOf(' ', StringComparison.Ordinal);
            json.WriteStartObject();
            json.WriteString("method", route[..space]);
            json.WriteString("path", route[(space + 1)..]);
            json.WriteNumber("requests", figures.Requests);
            json.WriteNumber("errors", figures.Errors);
            json.WriteNumber("mean", Math.Round(Mean(figures), 6));
            json.WriteNumber("max", Math.Round(figures.Longest / 1e9, 6));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static double Mean(RouteFigures figures) => figures.Time / 1e9 / Math.Max(figures.Requests, 1);
}
