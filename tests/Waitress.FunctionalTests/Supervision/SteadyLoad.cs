using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Waitress.FunctionalTests.Harness;

namespace Waitress.FunctionalTests.Supervision;

/// <summary>
/// Real clients that ask all the time, half of them on connections they keep, and check every answer: tests/apps/supervised.py says
/// its process and repeats the name. What fails is kept with its time, so that a test can say which failures a kill explains.
/// </summary>
internal sealed class SteadyLoad : IAsyncDisposable
{
    // Asking without a pause would be a benchmark; this keeps some hundred requests per second under way on a slow machine.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly PythonServer _server;
    private readonly string _target;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _clients;
    private readonly ConcurrentDictionary<string, int> _answers = new();
    private int _count;

    public SteadyLoad(PythonServer server, int clients = 8, string target = "/")
    {
        (_server, _target) = (server, target);
        _clients = [.. Enumerable.Range(0, clients).Select(index => Task.Run(() => AskAsync(keepAlive: index % 2 == 0)))];
    }

    public ConcurrentBag<Failure> Failures { get; } = [];

    /// <summary>Good answers so far.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Good answers by the first word of their body: the process, or what the app says instead.</summary>
    public IReadOnlyDictionary<string, int> Answers => _answers;

    public Task UntilAsync(int count) => Deadline.Until(() => Count >= count || _clients.Any(client => client.IsFaulted), $"{count} answers");

    /// <summary>So many answers more, as proof that the service goes on.</summary>
    public Task MoreAsync(int count = 50) => UntilAsync(Count + count);

    public Task AnsweredByAsync(string word) =>
        Deadline.Until(() => _answers.ContainsKey(word), $"an answer of {word}");

    /// <summary>Ends the clients after the answers they wait for; none of them may have failed.</summary>
    public async Task EndWithoutFailureAsync()
    {
        await EndAsync();
        Assert.True(Failures.IsEmpty, $"{Failures.Count} of {Count} requests failed:\n{string.Join('\n', Failures.Take(10))}\n{string.Join('\n', _server.Log.Lines.TakeLast(40))}");
    }

    public async Task EndAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).Within("the clients end");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).WaitAsync(Deadline.Wait).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AskAsync(bool keepAlive)
    {
        RawClient? client = null;
        var process = "";
        while (!_stop.IsCancellationRequested)
        {
            var begun = Stopwatch.GetTimestamp();
            var name = Pattern.Name();
            try
            {
                if (client is null)
                {
                    process = "";
                    client = await _server.ConnectAsync();
                }

                var close = keepAlive ? "" : "Connection: close\r\n";
                var response = await client.RequestAsync($"GET {_target}?name={name} HTTP/1.1\r\nHost: test\r\n{close}\r\n");
                var words = response.Text.Split(' ');
                if (response.Status != 200 || words.Length != 2 || words[1] != name)
                    throw new InvalidDataException($"{response.Status} {response.Text}");
                process = words[0];
                _answers.AddOrUpdate(process, 1, (_, count) => count + 1);
                Interlocked.Increment(ref _count);
                if (!keepAlive || response.CloseAnnounced)
                {
                    client.Dispose();
                    client = null;
                }
            }
            catch (Exception e) when (e is SocketException or IOException or InvalidDataException or TimeoutException or TruncatedResponseException)
            {
                Failures.Add(new Failure(begun, Stopwatch.GetTimestamp(), process, e.Message));
                client?.Dispose();
                client = null;
            }

            await Task.Delay(Pause).ConfigureAwait(false);
        }

        client?.Dispose();
    }

    /// <param name="Process">Who had answered on that connection before; empty for a new one.</param>
    internal sealed record Failure(long Begun, long Ended, string Process, string Text)
    {
        public bool Covers(long moment) => Begun <= moment && moment <= Ended;

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"on a connection of '{Process}', {Stopwatch.GetElapsedTime(Begun, Ended).TotalMilliseconds:F0} ms: {Text}");
    }
}
