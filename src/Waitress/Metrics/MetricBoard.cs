using Microsoft.Win32.SafeHandles;
using Waitress.CPython;

namespace Waitress.Metrics;

/// <summary>What a region tells besides the metrics, in the order of the numbers behind them. Times are nanoseconds since 1970.</summary>
internal enum Fact
{
    /// <summary>The process; 0: nobody has the region.</summary>
    Pid,

    /// <summary>When it was started.</summary>
    Started,

    /// <summary>Of a worker: its number, which is its name in the log. Of the service: how many workers there should be.</summary>
    Name,

    /// <summary>Of a worker: with how many reloads behind it it was started. Of the service: how many there were.</summary>
    Generation,

    /// <summary>Of a worker: a number of <see cref="WorkerStates"/>. Of the service: one of <see cref="ServiceState"/>.</summary>
    State,
}

/// <summary>What the service as a whole is doing.</summary>
internal enum ServiceState
{
    Starting, Serving, Reloading, Stopping,
}

/// <summary>
/// The shared memory of the figures: a header, then regions of the same layout: the service's own (written by the supervisor), the past's, into which the
/// supervisor folds what a worker has counted that is gone, and one per slot. Each region has one writing process. Without a supervisor it is private
/// memory with one slot.
/// </summary>
internal sealed class MetricBoard
{
    // "METRICS" and a version of the header, so that no other file is taken for a board.
    private const long Magic = 0x4d45545249435301;
    private const int HeaderCells = 8, SlotsAt = 2, SequenceAt = 3;
    private const int Service = 0, Past = 1, FirstSlot = 2;

    // A fold takes microseconds. Where a supervisor was killed within one, its workers go on, and so does whoever reads.
    private const int MostTries = 1000;

    private readonly SharedNumbers _numbers;

    private MetricBoard(SharedNumbers numbers, int slots) => (_numbers, Slots) = (numbers, slots);

    /// <summary>Numbers of a region: the metrics, the facts, and so many that regions of two processes share no cache line.</summary>
    public static int RegionCells { get; } = (MetricTable.Cells + Enum.GetValues<Fact>().Length + 15) / 8 * 8;

    public int Slots { get; }

    /// <summary>The service's own: restarts, its state.</summary>
    public MetricRegion OfService => Region(Service);

    /// <summary>A worker's.</summary>
    public MetricRegion OfSlot(int slot) => Region(FirstSlot + slot);

    /// <summary>Of this process alone: a service of one worker.</summary>
    public static MetricBoard Private() => new(SharedNumbers.Private(Size(1)), 1);

    /// <summary>Makes a board of a new file, whose descriptor stays the caller's.</summary>
    public static MetricBoard Create(int descriptor, int slots)
    {
        using var handle = new SafeFileHandle(descriptor, ownsHandle: false);
        RandomAccess.SetLength(handle, (long)Size(slots) * sizeof(long));
        var numbers = SharedNumbers.Map(handle);
        (numbers[0], numbers[1], numbers[SlotsAt]) = (Magic, MetricTable.Fingerprint, slots);
        return new MetricBoard(numbers, slots);
    }

    /// <summary>Maps the board behind a descriptor, and closes that; null when it is one of another version. IOException when it is none.</summary>
    public static MetricBoard? Open(int descriptor)
    {
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        var numbers = SharedNumbers.Map(handle);
        if (numbers.Length < HeaderCells || numbers[0] != Magic)
            throw new IOException("The metrics of the supervisor are not behind their descriptor");
        var slots = numbers[SlotsAt];
        return numbers[1] == MetricTable.Fingerprint && slots > 0 && Size(slots) <= numbers.Length ? new MetricBoard(numbers, (int)slots) : null;
    }

    /// <summary>Adds what the slot's worker has counted to the past and empties the slot. By the supervisor, when that process has ended.</summary>
    public void Fold(int slot)
    {
        var past = Region(Past).All;
        var gone = OfSlot(slot).All;
        Volatile.Write(ref _numbers[SequenceAt], _numbers[SequenceAt] + 1);
        for (var i = 0; i < MetricTable.Kept; i++)
            past[i] += gone[i];
        gone.Clear();
        Volatile.Write(ref _numbers[SequenceAt], _numbers[SequenceAt] + 1);
    }

    /// <summary>All figures as they are now; none is counted twice or left out because a worker ends meanwhile.</summary>
    public MetricSnapshot Read()
    {
        var copy = new long[(FirstSlot + Slots) * RegionCells];
        for (var tries = 0; ; tries++)
        {
            var before = Volatile.Read(ref _numbers[SequenceAt]);
            _numbers.Slice(HeaderCells, copy.Length).CopyTo(copy);
            Interlocked.MemoryBarrier();
            if ((before % 2 == 0 && before == Volatile.Read(ref _numbers[SequenceAt])) || tries == MostTries)
                return new MetricSnapshot(copy, RegionCells, FirstSlot);
            Thread.Yield();
        }
    }

    private MetricRegion Region(int index) => new(_numbers, HeaderCells + (index * RegionCells));

    private static int Size(long slots) => HeaderCells + (int)((FirstSlot + slots) * RegionCells);
}

/// <summary>One region as its writer sees it. Whoever writes sees to it that one thread does at a time.</summary>
internal sealed class MetricRegion(SharedNumbers numbers, int start)
{
    public Span<long> All => numbers.Slice(start, MetricBoard.RegionCells);

    public void Add(int cell, long amount)
    {
        ref var number = ref numbers[start + cell];
        Volatile.Write(ref number, number + amount);
    }

    public long this[int cell]
    {
        get => Volatile.Read(ref numbers[start + cell]);
        set => Volatile.Write(ref numbers[start + cell], value);
    }

    public long this[Fact fact]
    {
        get => this[MetricTable.Cells + (int)fact];
        set => this[MetricTable.Cells + (int)fact] = value;
    }
}

/// <summary>A copy of a board.</summary>
internal sealed class MetricSnapshot(long[] numbers, int regionCells, int firstSlot)
{
    public int Slots => (numbers.Length / regionCells) - firstSlot;

    /// <summary>The slots in which a worker is.</summary>
    public IEnumerable<int> Taken => Enumerable.Range(0, Slots).Where(slot => Worker(slot, Fact.Pid) != 0);

    /// <summary>A number of the whole service.</summary>
    public long Sum(int cell)
    {
        var sum = 0L;
        for (var i = cell; i < numbers.Length; i += regionCells)
            sum += numbers[i];
        return sum;
    }

    public long Largest(int cell)
    {
        var largest = 0L;
        for (var i = cell; i < numbers.Length; i += regionCells)
            largest = Math.Max(largest, numbers[i]);
        return largest;
    }

    /// <summary>A row's numbers added up, all labels together.</summary>
    public long Total(MetricRow row)
    {
        var sum = 0L;
        for (var i = 0; i < row.Series; i++)
            sum += Sum(row.Place + i);
        return sum;
    }

    public long Worker(int slot, int cell) => numbers[((firstSlot + slot) * regionCells) + cell];

    public long Worker(int slot, Fact fact) => Worker(slot, MetricTable.Cells + (int)fact);

    public long Service(Fact fact) => numbers[MetricTable.Cells + (int)fact];

    /// <summary>All counters of the service, in their places.</summary>
    public long[] Counters()
    {
        var sums = new long[MetricTable.Kept];
        for (var i = 0; i < sums.Length; i++)
            sums[i] = Sum(i);
        return sums;
    }
}
