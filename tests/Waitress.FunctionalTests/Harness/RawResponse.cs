using System.Text;
using System.Text.Json;

namespace Waitress.FunctionalTests.Harness;

/// <summary>How the end of a body was told.</summary>
internal enum Framing
{
    None,
    Length,
    Chunked,
    Close,
}

/// <summary>One answer as it came over the wire.</summary>
internal sealed record RawResponse(
    string Version, int Status, string Reason, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body, Framing Framing)
{
    public string Text => Encoding.Latin1.GetString(Body);

    /// <summary>Header and chunk count for tests that look at how a stream was cut.</summary>
    public IReadOnlyList<int> Chunks { get; init; } = [];

    public bool CloseAnnounced => string.Equals(Header("Connection"), "close", StringComparison.OrdinalIgnoreCase);

    /// <summary>The header's value, null when absent; a header that must be single fails here when repeated.</summary>
    public string? Header(string name)
    {
        var all = All(name);
        Assert.True(all.Count <= 1, $"{name} is repeated: {string.Join(" | ", all)}");
        return all.Count == 0 ? null : all[0];
    }

    public IReadOnlyList<string> All(string name) =>
        [.. Headers.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];

    public JsonElement Json() => JsonDocument.Parse(Body).RootElement;
}

/// <summary>The bytes are no HTTP/1.1 response.</summary>
internal sealed class MalformedResponseException(string message) : Exception(message);

/// <summary>The connection ended inside a response; <see cref="Received"/> counts the bytes of the body that came.</summary>
internal sealed class TruncatedResponseException(string where, int received = 0) : Exception("The connection ended in the " + where)
{
    public int Received { get; } = received;
}
