// Several worker processes on one socket: what they tell each other, and who accepts next.
// Receives the hand-off of a supervisor (Handoff) and the counts of this process; writes them to the scoreboard, a file that the
// supervisor and all workers map into memory, and reads the other workers' there.
// Promises: a worker accepts only while no other serves fewer connections; one that is dead, hung or draining holds nobody up; a server without
// a supervisor has none of this and pays nothing.
// WorkerSlot is the whole as the server sees it. Its fields are written on the thread that counts the connection, and by Heartbeat on the I/O thread.
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Waitress.Processes;

/// <summary>
/// The numbers of a slot, at their places. Times are nanoseconds of CLOCK_MONOTONIC. Each has one writer: the supervisor (Pid; State's
/// Empty and Starting), else the worker's engine.
/// </summary>
internal enum Field
{
    Pid, State, Heartbeat, Connections, Accepted, Completed, InFlight, Queued, OldestSince, Threads, InApp, AllBusySince, Stuck, AppTime,
    QueueTime, Timeouts, WantsToAccept, Refused, Unused,

    /// <summary>Accepted connections for the comparison of equals (<see cref="Balance"/>); Accepted is not fit for it, as workers start at different times.</summary>
    Turns,

    /// <summary>1 while the worker can't accept whatever its load: at its connection limit, or out of descriptors.</summary>
    Paused,

    /// <summary>One more than the slot that is to accept the next connection, whoever has fewest; 0: none. While its worker has Accepted what GivesAfter says, and until GivesUntil.</summary>
    GivesTo, GivesAfter, GivesUntil,
}

/// <summary>What a slot's worker is doing.</summary>
internal enum SlotState
{
    Empty, Starting, Serving, Draining,
}

/// <summary>
/// The shared memory: a header, one row of 32 numbers per slot, and what workers know together of clients. A number is written and read whole, on its own; nothing here is consistent
/// across several, and nothing needs to be. Reads of a closed board give 0.
/// </summary>
internal sealed class Scoreboard : IDisposable
{
    /// <summary>"WAITRESS" in ASCII, so that another file is not taken for a board.</summary>
    public const long Magic = 0x5741495452455353;
    public const long Version = 1;
    public const int HeaderSize = 64, SlotSize = 256;

    private const int SeedAt = 24;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private Scoreboard(MemoryMappedFile file, MemoryMappedViewAccessor view) => (_file, _view) = (file, view);

    public int Slots { get; private init; }

    /// <summary>What follows the slots, for <see cref="SharedClients"/>: numbers, 0 from a supervisor of an older version.</summary>
    public long Rest { get; private init; }

    /// <summary>A random number of the supervisor's.</summary>
    public ulong Seed => (ulong)_view.ReadInt64(SeedAt);

    /// <summary>Maps the board behind a descriptor, and closes that; IOException when it is none of this version.</summary>
    public static Scoreboard Open(int descriptor)
    {
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        var size = RandomAccess.GetLength(handle);
        if (size < HeaderSize)
            throw new IOException("The scoreboard of the supervisor is too short");
        var file = MemoryMappedFile.CreateFromFile(handle, null, size, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        var view = file.CreateViewAccessor(0, size, MemoryMappedFileAccess.ReadWrite);
        var slots = view.ReadInt64(16);
        if (view.ReadInt64(0) == Magic && view.ReadInt64(8) == Version && slots > 0 && slots <= (size - HeaderSize) / SlotSize)
            return new Scoreboard(file, view) { Slots = (int)slots, Rest = (size - HeaderSize - (slots * SlotSize)) / sizeof(long) };
        view.Dispose();
        file.Dispose();
        throw new IOException("The scoreboard of the supervisor is not of this version");
    }

    public long this[int slot, Field field]
    {
        get
        {
            try
            {
                return _view.ReadInt64(Place(slot, field));
            }
            catch (ObjectDisposedException)
            {
                return 0;
            }
        }

        set
        {
            try
            {
                _view.Write(Place(slot, field), value);
            }
            catch (ObjectDisposedException)
            {
                // A connection that closes after the server: nobody looks any more.
            }
        }
    }

    /// <summary>Reads numbers of the rest.</summary>
    public void ReadRest(long at, long[] target)
    {
        try
        {
            _view.ReadArray(Place(Slots, 0) + (at * sizeof(long)), target, 0, target.Length);
        }
        catch (ObjectDisposedException)
        {
            Array.Clear(target);
        }
    }

    /// <summary>Writes a number of the rest.</summary>
    public void WriteRest(long at, long value)
    {
        try
        {
            _view.Write(Place(Slots, 0) + (at * sizeof(long)), value);
        }
        catch (ObjectDisposedException)
        {
            // As above.
        }
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    private static long Place(int slot, Field field) => HeaderSize + ((long)slot * SlotSize) + ((int)field * sizeof(long));
}
