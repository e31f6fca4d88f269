using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Waitress.Http;

/// <summary>
/// Kestrel's logger. Of its many events two kinds matter: why it refused a request, kept until <see cref="WireGuard"/> asks for it,
/// and what it reports from information level up. The rest is off, which also spares Kestrel the formatting.
/// </summary>
/// <param name="report">Told Kestrel's own warnings and errors; any thread.</param>
internal sealed class KestrelLog(Action<LogLevel, string, Exception?>? report = null) : ILoggerFactory
{
    private const string Http2 = "Microsoft.AspNetCore.Server.Kestrel.Http2";
    private const string BadRequests = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    // One entry at most per connection, from the refusal until it is answered or the connection ends.
    private readonly ConcurrentDictionary<string, string> _reasons = new(StringComparer.Ordinal);

    // Connections of HTTP/2, on which a refused request does not end the connection.
    private readonly ConcurrentDictionary<string, Action<int?, string>> _listeners = new(StringComparer.Ordinal);

    /// <summary>Takes Kestrel's reason for refusing a request of the connection; null when there is none.</summary>
    public string? TakeReason(string connectionId) =>
        !_reasons.IsEmpty && _reasons.TryRemove(connectionId, out var reason) ? reason : null;

    /// <summary>
    /// Has the reasons of a connection told as they come: with the status of the request that was refused, or without one when the connection ends.
    /// </summary>
    public void Listen(string connectionId, Action<int?, string> told) => _listeners[connectionId] = told;

    public void Forget(string connectionId) => _listeners.TryRemove(connectionId, out _);

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => categoryName switch
    {
        BadRequests => new Reasons(this),
        Http2 => new Http2Errors(this, new Reports(report)),
        _ => new Reports(report),
    };

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("Kestrel's log has one receiver");

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class Reasons(KestrelLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        // Kestrel logs refusals at debug level.
        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (exception is not BadHttpRequestException bad || ConnectionOf(state) is not { } id)
                return;
            if (log._listeners.TryGetValue(id, out var listener))
                listener(bad.StatusCode, bad.Message);
            else
                log._reasons[id] = bad.Message;
        }
    }

    // What ends a whole connection, told at debug level; the rest as everywhere.
    private sealed class Http2Errors(KestrelLog log, Reports reports) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and not LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name is "Http2ConnectionError" or "HPackDecodingError" or "Http2QueueOperationsExceeded" or "Http2TooManyEnhanceYourCalms")
            {
                if (ConnectionOf(state) is { } id && log._listeners.TryGetValue(id, out var listener))
                    listener(null, exception?.Message ?? "Too many streams were reset");
            }
            else if (reports.IsEnabled(logLevel))
            {
                reports.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }

    private static string? ConnectionOf<TState>(TState state)
    {
        if (state is not IReadOnlyList<KeyValuePair<string, object?>> fields)
            return null;
        foreach (var (name, value) in fields)
        {
            if (name == "ConnectionId")
                return value as string;
        }

        return null;
    }

    private sealed class Reports(Action<LogLevel, string, Exception?>? report) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        // Information, not warning: Kestrel puts the refused input into its reasons only if that level is on.
        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Information and not LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Warning && logLevel != LogLevel.None)
                report?.Invoke(logLevel, formatter(state, exception), exception);
        }
    }
}
