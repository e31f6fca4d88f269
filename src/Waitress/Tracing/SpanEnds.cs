namespace Waitress.Tracing;

/// <summary>What the spans of a connection's requests have in common, as it was written for the last one.</summary>
/// <param name="Host">The request's Host header; empty: none.</param>
/// <param name="Protocol">Its version of HTTP.</param>
/// <param name="Bytes">The attributes.</param>
internal sealed record SpanEnds(string Host, string Protocol, byte[] Bytes);
