namespace Waitress.Dispatch;

/// <summary>What the queue looks like at one moment.</summary>
/// <param name="Waiting">Requests that no thread has taken yet.</param>
/// <param name="Oldest">How long the first of them has waited.</param>
/// <param name="Taken">Requests handed out since the start.</param>
/// <param name="Active">Seats that take work.</param>
/// <param name="Idle">Seats that rest.</param>
/// <param name="Target">How many may be active.</param>
internal readonly record struct QueueState(int Waiting, TimeSpan Oldest, long Taken, int Active, int Idle, int Target);

/// <summary>What became of a request that was to be queued.</summary>
internal enum Admission
{
    /// <summary>It waits for a thread.</summary>
    Queued,

    /// <summary>As many wait as may.</summary>
    Full,

    /// <summary>The server has stopped.</summary>
    Closed,
}
