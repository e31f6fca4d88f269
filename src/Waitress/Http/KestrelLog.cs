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
    private const string BadRequests = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    // One entry at most per connection, from the refusal until it is answered or the connection ends.
    private readonly ConcurrentDictionary<string, string> _reasons = new(StringComparer.Ordinal);

    /// <summary>Takes Kestrel's reason for refusing a request of the connection; null when there is none.</summary>
    public string? TakeReason(string connectionId) =>
        !_reasons.IsEmpty && _reasons.TryRemove(connectionId, out var reason) ? reason : null;

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => categoryName == BadRequests ? new Reasons(this) : new Reports(report);

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
            if (exception is not BadHttpRequestException || state is not IReadOnlyList<KeyValuePair<string, object?>> fields)
                return;
            foreach (var (name, value) in fields)
            {
                if (name == "ConnectionId" && value is string id)
                    log._reasons[id] = exception.Message;
            }
        }
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
