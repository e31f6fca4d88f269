namespace Waitress.Http;

/// <summary>
/// The moments of one request, as timestamps of the system's clock; 0: it did not come so far. Each is written by the thread that has the
/// exchange at that moment, so whoever has it later may read all of them.
/// </summary>
internal struct RequestTimes
{
    /// <summary>Its head was parsed.</summary>
    public long Began { get; init; }

    /// <summary>Its body was there, as far as it is received ahead, and it began to wait for a worker.</summary>
    public long Queued { get; set; }

    /// <summary>A worker took it.</summary>
    public long Taken { get; set; }

    /// <summary>The app and its iterable were done.</summary>
    public long Answered { get; set; }

    /// <summary>How long, in timestamp units, the worker waited for the GIL in order to take it.</summary>
    public long GilWait { get; set; }
}
