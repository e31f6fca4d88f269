using System.Diagnostics;
using System.Globalization;

namespace Waitress.FunctionalTests.Harness;

/// <summary>
/// No wait of the suite is without an end: 45 s, far above what any step needs on a loaded machine, below a hung run. Slow machines
/// raise it for all tests by WAITRESS_TEST_DEADLINE, in seconds.
/// </summary>
internal static class Deadline
{
    public static readonly TimeSpan Wait = TimeSpan.FromSeconds(
        int.TryParse(Environment.GetEnvironmentVariable("WAITRESS_TEST_DEADLINE"), CultureInfo.InvariantCulture, out var seconds) ? seconds : 45);

    public static async Task<T> Within<T>(this Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(Wait);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Not within {Wait.TotalSeconds} s: {what}");
        }
    }

    public static async Task Within(this Task task, string what)
    {
        try
        {
            await task.WaitAsync(Wait);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Not within {Wait.TotalSeconds} s: {what}");
        }
    }

    /// <summary>For facts of the operating system that raise no event (a port that refuses, a folder that is empty).</summary>
    public static async Task Until(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > Wait)
            {
                throw new TimeoutException($"Not within {Wait.TotalSeconds} s: {what}");
            }

            await Task.Delay(10);
        }
    }

    public static Task Until(Func<bool> condition, string what) => Until(() => Task.FromResult(condition()), what);
}
