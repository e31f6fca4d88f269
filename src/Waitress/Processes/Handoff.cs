namespace Waitress.Processes;

/// <summary>
/// What a supervisor hands to a worker process (the environment variable <c>WAITRESS_WORKER</c>, read by the Python package):
/// descriptors that the worker inherited, and its place among the others. The descriptors are the worker's from then on.
/// </summary>
/// <param name="Slot">The worker's slot on the scoreboard.</param>
/// <param name="Sockets">Listening sockets, shared with the other workers.</param>
/// <param name="Board">The scoreboard's file; -1 for none: then there are no other workers, and the sockets are this process's alone.</param>
/// <param name="Waker">Receives a byte when this worker may accept again; -1 for none.</param>
/// <param name="Wakers">By slot, the ends that send such a byte to a worker; -1 where there is none.</param>
/// <param name="MaxRequests">After how many requests the worker asks to be replaced; 0: never.</param>
internal sealed record Handoff(int Slot, IReadOnlyList<long> Sockets, int Board, int Waker, IReadOnlyList<int> Wakers, long MaxRequests)
{
    /// <summary>The worker's name in the supervisor's log; null where there is no supervisor.</summary>
    public string? Name { get; init; }

    /// <summary>The service runs already, and this worker joins it: what was good at its start is not judged anew.</summary>
    public bool Again { get; init; }

    /// <summary>The file of the metrics' board; -1 for none.</summary>
    public int Metrics { get; init; } = -1;

    /// <summary>From the hand-off's JSON object; ArgumentException when it is none.</summary>
    public static Handoff From(IReadOnlyDictionary<string, object?> values)
    {
        if (!values.TryGetValue("sockets", out var sockets) || sockets is not List<object?> { Count: > 0 } descriptors || descriptors.Any(item => item is not long))
            throw new ArgumentException("the hand-off to the worker names no sockets");
        var wakers = values.GetValueOrDefault("wakers") as List<object?> ?? [];
        return new Handoff((int)Number("slot", 0), [.. descriptors.Cast<long>()], (int)Number("board", -1), (int)Number("waker", -1),
            [.. wakers.Select(item => (int)(item as long? ?? -1))], Number("max_requests", 0))
        {
            Name = values.GetValueOrDefault("name") as string,
            Again = values.GetValueOrDefault("again") is true,
            Metrics = (int)Number("metrics", -1),
        };

        long Number(string name, long missing) => values.GetValueOrDefault(name) as long? ?? missing;
    }
}
