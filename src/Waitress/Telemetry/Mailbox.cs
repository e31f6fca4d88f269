using System.Net.Sockets;

namespace Waitress.Telemetry;

/// <summary>
/// Log entries on their way to Python's logging. Posted from any thread without the GIL; the thread that runs the server takes
/// them out and logs them, so the app's own logging set-up rules. Bounded: when it is full entries are counted
/// instead of kept, and the count is told.
/// </summary>
internal sealed class Mailbox(int wakeDescriptor) : IDisposable
{
    /// <summary>Entries that wait at most: some hundred KiB, and seconds of a client that sends nothing but nonsense.</summary>
    private const int Capacity = 1024;

    private readonly Lock _gate = new();
    private readonly Queue<Entry> _entries = new();
    private readonly Socket _wake = new(new SafeSocketHandle(wakeDescriptor, ownsHandle: false));
    private int _lost;
    private long _lostInAll;

    /// <summary>Entries that did not fit, since the start.</summary>
    public long Lost => Interlocked.Read(ref _lostInAll);

    public readonly record struct Entry(LogEvent Event, string Text);

    public void Post(LogEvent what, params ReadOnlySpan<object?> values)
    {
        bool first;
        lock (_gate)
        {
            if (_entries.Count == Capacity)
            {
                _lost++;
                _lostInAll++;
                return;
            }

            _entries.Enqueue(new Entry(what, what.Write(values)));
            first = _entries.Count == 1;
        }

        if (first)
            Wake();
    }

    /// <summary>Lets the thread that runs the server look, also when there is nothing to log (the server has ended).</summary>
    public void Wake()
    {
        try
        {
            // Never waits: a full socket buffer means that the reader is due to wake up anyway.
            _wake.Blocking = false;
            _wake.Send([1]);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    public IReadOnlyList<Entry> Take()
    {
        lock (_gate)
        {
            if (_lost > 0)
                _entries.Enqueue(new Entry(LogEvent.Lost, LogEvent.Lost.Write(_lost)));
            _lost = 0;
            var taken = _entries.ToArray();
            _entries.Clear();
            return taken;
        }
    }

    public void Dispose() => _wake.Dispose();
}
