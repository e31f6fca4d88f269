namespace Waitress.Admin;

/// <summary>What the worker processes are doing, as they themselves tell.</summary>
internal interface IActivity
{
    /// <summary>By slot, the report of each worker that has answered in time (<see cref="ActivityReport"/>); and whether one has not.</summary>
    Task<(IReadOnlyList<(int Slot, string Report)> Reports, bool Partial)> ReadAsync();

    /// <summary>The Python stack of the thread that has a request, innermost call last; null when it has ended. TimeoutException when the worker does not answer.</summary>
    Task<string?> StackAsync(int slot, long request);
}
