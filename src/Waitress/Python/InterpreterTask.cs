namespace Waitress.Python;

/// <summary>What a worker of class interpreter is to serve, as plain values: the interpreters share no objects.</summary>
/// <param name="Name">The worker's name, for threads and log entries.</param>
/// <param name="App">The app as module:object.</param>
/// <param name="Call">Whether that names a factory.</param>
/// <param name="Path">sys.path of the main interpreter, which the program has changed since the start.</param>
/// <param name="Arguments">sys.argv.</param>
/// <param name="Logging">The settings of the server's own log.</param>
/// <param name="Values">The settings that waitress._interpreter and waitress._asgi read.</param>
internal sealed record InterpreterTask(
    string Name, string App, bool Call, IReadOnlyList<object?> Path, IReadOnlyList<object?> Arguments, IReadOnlyDictionary<string, object?> Logging,
    IReadOnlyDictionary<string, object?> Values);
