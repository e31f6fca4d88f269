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

    private readonly Lock gate = new();
    private readonly Queue<Entry> entries = new();
    private readonly Socket wake = new(new SafeSocketHandle(wakeDescriptor, ownsHandle: false));
    private int lost;

    public readonly record struct Entry(LogEvent Event, string Text);

    public void Post(LogEvent what, params ReadOnlySpan<object?> values)
    {
        bool first;
        lock (gate)
        {
            if (entries.Count == Capacity)
            {
                lost++;
                return;
            }

            entries.Enqueue(new Entry(what, what.Write(values)));
            first = entries.Count == 1;
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
            wake.Blocking = false;
            wake.Send([1]);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    public IReadOnlyList<Entry> Take()
    {
        lock (gate)
        {
            if (lost > 0)
                entries.Enqueue(new Entry(LogEvent.Lost, LogEvent.Lost.Write(lost)));
            lost = 0;
            var taken = entries.ToArray();
            entries.Clear();
            return taken;
        }
    }

    public void Dispose() => wake.Dispose();
}
