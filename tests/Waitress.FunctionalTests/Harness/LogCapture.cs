namespace Waitress.FunctionalTests.Harness;

/// <summary>The lines a process has written to one stream; waiting for a line is an event, not a poll.</summary>
internal sealed class LogCapture
{
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private readonly List<(Func<string, bool> Wanted, TaskCompletionSource<string> Found)> _waiters = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>
    /// What the server has said, without what the apps say, and without the queue's depth: whether requests wait for
    /// some milliseconds is a matter of the machine's load.
    /// </summary>
    public IEnumerable<string> Entries() => Lines.Where(line =>
        line.Length > 0
        && !line.StartsWith("MARK ", StringComparison.Ordinal)
        && !line.StartsWith("WARNING:waitress.queue:", StringComparison.Ordinal));

    public string Text => string.Join('\n', Lines);

    public void Add(string line)
    {
        List<TaskCompletionSource<string>> found = [];
        lock (_lock)
        {
            _lines.Add(line);
            for (var index = _waiters.Count - 1; index >= 0; index--)
            {
                if (_waiters[index].Wanted(line))
                {
                    found.Add(_waiters[index].Found);
                    _waiters.RemoveAt(index);
                }
            }
        }

        found.ForEach(waiter => waiter.TrySetResult(line));
    }

    /// <summary>The first line at or after <paramref name="from"/> that is wanted, already there or still to come.</summary>
    public Task<string> FirstAsync(Func<string, bool> wanted, int from = 0)
    {
        lock (_lock)
        {
            for (var index = from; index < _lines.Count; index++)
            {
                if (wanted(_lines[index]))
                {
                    return Task.FromResult(_lines[index]);
                }
            }

            var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((wanted, found));
            return found.Task;
        }
    }

    public async Task<string> WaitForLog(Func<string, bool> wanted, string what, int from = 0)
    {
        try
        {
            return await FirstAsync(wanted, from).Within(what);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}\nThe log ends:\n{string.Join('\n', Lines.TakeLast(30))}");
        }
    }

    public Task<string> WaitForLog(string part, int from = 0) =>
        WaitForLog(line => line.Contains(part, StringComparison.Ordinal), $"a log line with \"{part}\"", from);

    /// <summary>Waits for a line that an app wrote through tests/apps/mark.py.</summary>
    public Task<string> WaitForMark(string mark) => WaitForLog(line => line == "MARK " + mark, $"MARK {mark}");

    public bool HasMark(string mark) => Lines.Contains("MARK " + mark);
}
