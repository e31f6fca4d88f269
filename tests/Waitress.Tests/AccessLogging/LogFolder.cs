using System.Net.Sockets;
using System.Text;
using Waitress.AccessLogging;
using Waitress.Telemetry;
using Waitress.Tests.Telemetry;

namespace Waitress.Tests.AccessLogging;

/// <summary>A folder with a log, a queue and its writer; gone at the end.</summary>
internal sealed class LogFolder : IDisposable
{
    private readonly (Socket Reader, Socket Writer) _wake = MailboxTests.Connected();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("log-");
    private readonly List<LogWriter> _writers = [];

    public LogFolder() => Told = new Mailbox((int)_wake.Writer.Handle);

    public string Log => File("access.log");

    public Mailbox Told { get; }

    public string File(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>A writer that has begun.</summary>
    public (LineQueue Queue, LogWriter Writer) Start(string? path = null, LineQueue? queue = null, bool mayMiss = false)
    {
        queue ??= new LineQueue(linger: TimeSpan.Zero);
        var writer = new LogWriter(queue, mayMiss ? LogFile.OpenOrMiss(path ?? Log) : LogFile.Open(path ?? Log), Told);
        _writers.Add(writer);
        writer.Start();
        return (queue, writer);
    }

    /// <summary>Adds lines and waits until they are in a file.</summary>
    public static void Write((LineQueue Queue, LogWriter Writer) log, params string[] lines)
    {
        var before = log.Writer.Written;
        foreach (var line in lines)
            Assert.True(log.Queue.Add(Encoding.UTF8.GetBytes(line + "\n"), out _));
        Until(() => log.Writer.Written == before + lines.Length, "the lines are written");
    }

    public string[] Lines(string name = "access.log") => System.IO.File.Exists(File(name)) ? System.IO.File.ReadAllLines(File(name)) : [];

    public static void Until(Func<bool> condition, string what) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), $"Not within 30 s: {what}");

    /// <summary>Entries of the server's log so far, waited for until there is one of that kind.</summary>
    public Mailbox.Entry Await(LogEvent what)
    {
        Mailbox.Entry? found = null;
        Until(() => (found = Told.Take().Where(entry => entry.Event == what).Cast<Mailbox.Entry?>().FirstOrDefault()) is not null, what.Text);
        return found!.Value;
    }

    public void Dispose()
    {
        foreach (var writer in _writers)
        {
            writer.Stop();
            writer.Dispose();
        }

        Told.Dispose();
        _wake.Reader.Dispose();
        _wake.Writer.Dispose();
        _folder.Delete(recursive: true);
    }
}
