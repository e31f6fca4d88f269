namespace Waitress.Tracing;

/// <summary>A request's place in its trace, while spans are made.</summary>
/// <param name="Own">Trace and our span.</param>
/// <param name="Parent">The caller's span; 0: the trace begins here.</param>
/// <param name="State">The tracestate that came with it.</param>
/// <param name="Field">The traceparent that the app sees; null: what the client sent, for nothing is recorded there nor here.</param>
internal readonly record struct RequestTrace(TraceParent Own, ulong Parent, string? State, string? Field);
