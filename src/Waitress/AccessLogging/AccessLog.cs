// The access log: a line per request that has ended.
// Receives each exchange from the Application, on the thread that ended it and before the exchange is reset, and each request that was refused
// on the wire, on its connection's thread. Promises that neither waits: the line is written into memory of that thread, copied into a bounded
// queue, and what does not fit is counted. One thread of its own (LogWriter) moves the queue to the file, in batches of whole lines and in order.
// A format is compiled once (AccessLogFormat) out of the table of atoms (AccessLogAtoms). Nothing here touches Python.
using Waitress.Configuration;
using Waitress.Http;
using Waitress.Telemetry;

namespace Waitress.AccessLogging;

/// <summary>The access log of one server. Opened before its sockets, started with it, stopped when its last request has ended.</summary>
internal sealed class AccessLog : IDisposable
{
    /// <summary>The name of standard output as a log file; Gunicorn's.</summary>
    public const string StandardOutput = "-";

    private readonly AccessLogFormat _format;
    private readonly LineClock _clock = new(TimeProvider.System);
    private readonly LineQueue _queue = new();
    private readonly LogWriter _writer;
    private readonly Mailbox _log;

    private AccessLog(AccessLogFormat format, LogFile file, Mailbox log)
    {
        (_format, _log) = (format, log);
        _writer = new LogWriter(_queue, file, log);
    }

    /// <summary>Lines that were lost since the start: the file could not be written, or its reader did not keep up.</summary>
    public long Lost => _queue.Lost;

    /// <summary>Lines that were written since the start.</summary>
    public long Written => _writer.Written;

    /// <summary>Null when there is none to be written. IOException with one line when its file can't be opened.</summary>
    /// <param name="settings">The server's.</param>
    /// <param name="worker">The name of this worker process; null without a supervisor.</param>
    /// <param name="log">Where the log's own troubles are told.</param>
    /// <param name="patient">A file whose folder has gone since the service began is no reason not to serve: it is told of, and tried again.</param>
    public static AccessLog? Open(Settings settings, string? worker, Mailbox log, bool patient = false)
    {
        if (settings.AccessLogFile is not { } path)
            return null;
        var format = AccessLogFormat.Compile(settings.AccessLogFormat, new AccessLogPlace(settings, worker), out var refused)
            ?? throw new ArgumentException($"access_logformat: {refused}", nameof(settings));

        // Whole: an app may change the working folder.
        var whole = Path.GetFullPath(path);
        var file = path == StandardOutput ? LogFile.OpenStandardOutput() : patient ? LogFile.OpenOrMiss(whole) : LogFile.Open(whole);
        return new AccessLog(format, file, log);
    }

    public void Start() => _writer.Start();

    /// <summary>The line of a request that an application has seen. Called before its exchange is reset.</summary>
    public void Add(Exchange exchange) => Add(new AccessEntry(_format.Place, exchange, null, _clock));

    /// <summary>The line of a request that was refused before an application could see it.</summary>
    public void Add(RefusedRequest refused) => Add(new AccessEntry(_format.Place, null, refused, _clock));

    /// <summary>Opens the file anew, as SIGUSR1 asks for; returns when it is done, or after two seconds of a file that takes no bytes.</summary>
    public void Reopen() => _writer.Reopen();

    /// <summary>Writes what is queued and ends the writer; waits for no longer than two seconds.</summary>
    public void Stop() => _writer.Stop();

    public void Dispose()
    {
        _writer.Stop();
        _writer.Dispose();
    }

    private void Add(in AccessEntry entry)
    {
        var line = LineBuffer.OfThisThread;
        _format.Write(line, entry);
        if (!_queue.Add(line.Bytes, out var tell) && tell)
            _log.Post(LogEvent.AccessLogLost, _queue.Lost, _writer.Name);
        line.Clear();
    }
}
