using System.Text.Json;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Tracing;

/// <summary>A running tests/apps/otlp_receiver.py and what it has taken so far.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly PythonProcess _process;

    private Receiver(PythonProcess process, string port) => (_process, Endpoint) = (process, $"http://127.0.0.1:{port}");

    public string Endpoint { get; }

    /// <summary>Every message that was answered with 200, in order.</summary>
    public IReadOnlyList<JsonElement> Taken => [.. All.Where(message => message.GetProperty("status").GetInt32() == 200)];

    public IReadOnlyList<JsonElement> All => [.. _process.Output.Lines.Skip(1).Select(Read)];

    public IReadOnlyList<JsonElement> Spans => [.. Taken.Where(message => message.TryGetProperty("spans", out _)).SelectMany(message => message.GetProperty("spans").EnumerateArray())];

    public IReadOnlyList<JsonElement> Metrics => [.. Taken.Where(message => message.TryGetProperty("metrics", out _))];

    public static async Task<Receiver> StartAsync(params string[] statuses)
    {
        var process = PythonProcess.Start(["otlp_receiver.py", .. statuses]);
        return new Receiver(process, await process.Output.FirstAsync(_ => true).Within("the receiver is there"));
    }

    /// <summary>The sum of a counter's points whose attributes are these.</summary>
    public static long Count(JsonElement message, string name, params (string Name, string Value)[] attributes) =>
        message.GetProperty("metrics").EnumerateArray().Single(metric => metric.GetProperty("name").GetString() == name).GetProperty("sum").GetProperty("points").EnumerateArray()
            .Where(point => attributes.All(pair => point.GetProperty("attributes").GetProperty(pair.Name).GetString() == pair.Value))
            .Sum(point => point.GetProperty("int").GetInt64());

    /// <summary>From now on nobody listens there.</summary>
    public Task EndAsync()
    {
        _process.Signal(PythonProcess.Sigkill);
        return _process.ExitAsync();
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static JsonElement Read(string line)
    {
        var message = JsonDocument.Parse(line).RootElement.Clone();
        Assert.False(message.TryGetProperty("error", out var error), error.ToString());
        return message;
    }
}
