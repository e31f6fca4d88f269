namespace Waitress.Admin;

/// <summary>
/// What only Python can answer, on its way to the thread that runs the server or the supervisor, and the answers back. Whoever asks waits for so
/// long and no longer, and few at a time; the one who answers too late answers nobody.
/// </summary>
internal sealed class Questions(TimeProvider time)
{
    /// <summary>How long a worker has for its answer: it needs its GIL for it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>How many may wait at once. Those that do are the latest, since all wait equally long: so whoever keeps questions for somebody who does
    /// not take them may forget all but as many.</summary>
    public const int Most = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, TaskCompletionSource<string?>> _open = [];
    private long _number;

    /// <summary>Asks and waits.</summary>
    /// <param name="ask">Passes the question on; given its number. Called on this thread.</param>
    /// <returns>The answer; null where there is none.</returns>
    /// <exception cref="TimeoutException">Nobody has answered in time, or too many wait.</exception>
    public async Task<string?> AskAsync(Action<long> ask)
    {
        var answer = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        long number;
        lock (_gate)
        {
            if (_open.Count >= Most)
                throw new TimeoutException();
            number = ++_number;
            _open[number] = answer;
        }

        try
        {
            ask(number);
            return await answer.Task.WaitAsync(Patience, time);
        }
        finally
        {
            lock (_gate)
                _open.Remove(number);
        }
    }

    public void Answer(long number, string? text)
    {
        TaskCompletionSource<string?>? answer;
        lock (_gate)
            answer = _open.GetValueOrDefault(number);
        answer?.TrySetResult(text);
    }
}
