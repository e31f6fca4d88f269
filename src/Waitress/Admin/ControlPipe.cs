using System.Collections.Concurrent;
using System.IO.Pipes;
using System.Text;

namespace Waitress.Admin;

/// <summary>
/// The control socket as Windows has it: a named pipe, which only the server's own user may open (.NET gives it an access list with nobody else in it),
/// and whose name nobody else had before. Receives a line per command, and promises each an answer in one line, given by the one thread of
/// Python that calls <see cref="Take"/> and <see cref="Answer"/>. Bounded are clients, lines and times. Runs on .NET's pool threads, never attached.
/// Elsewhere .NET makes a unix socket of it, on which the tests run; there the package has one of its own.
/// </summary>
internal sealed class ControlPipe : IDisposable
{
    /// <summary>A command is a few words; as many as the supervisor's socket takes.</summary>
    public const int LongestLine = 16 * 1024;

    private const int MostClients = 16;

    // As the supervisor's (waitress.supervisor._control): between commands, for the taking of an answer, and for a command.
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(30), Stall = TimeSpan.FromSeconds(10), Patience = TimeSpan.FromMinutes(10);

    // What is being answered when the server ends may still be said.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly string _name;
    private readonly TimeProvider _time;
    private readonly BlockingCollection<(string Line, TaskCompletionSource<string> Answer)> _asked = new(MostClients);
    private readonly SemaphoreSlim _room = new(MostClients);
    private readonly ConcurrentDictionary<Task, bool> _served = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private TaskCompletionSource<string>? _current;

    private ControlPipe(string name, NamedPipeServerStream first, TimeProvider time)
    {
        (_name, _time) = (name, time);
        _accepting = AcceptAsync(first);
    }

    /// <summary>Opens it. IOException with one line when it can't be had, because somebody has one of that name for example.</summary>
    /// <param name="name">Without the prefix that all pipes have.</param>
    /// <param name="time">Bounds the waits.</param>
    public static ControlPipe Open(string name, TimeProvider time)
    {
        try
        {
            return new ControlPipe(name, NewStream(name, PipeOptions.FirstPipeInstance), time);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"The control socket {name} can't be opened: {e.Message}", e);
        }
    }

    /// <summary>Waits for a command. Null: there will be none any more. Called detached, by one thread.</summary>
    public string? Take()
    {
        if (!_asked.TryTake(out var next, Timeout.Infinite))
            return null;
        _current = next.Answer;
        return next.Line;
    }

    /// <summary>The answer to what was taken last, a line without its end.</summary>
    public void Answer(string text) => _current?.TrySetResult(text);

    /// <summary>Takes no commands any more; those that are being answered are, within two seconds. Called detached.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _asked.CompleteAdding();
        _current?.TrySetCanceled();
        Task.WhenAll([_accepting, .. _served.Keys]).Wait(LastWords);
    }

    private static NamedPipeServerStream NewStream(string name, PipeOptions more) => new(
        name, PipeDirection.InOut, MostClients + 1, PipeTransmissionMode.Byte, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly | more);

    private async Task AcceptAsync(NamedPipeServerStream waiting)
    {
        try
        {
            while (true)
            {
                await _room.WaitAsync(_stop.Token);
                await waiting.WaitForConnectionAsync(_stop.Token);
                var connected = waiting;

                // Before the other one can end: as long as one of that name is there, nobody else can take the name.
                waiting = NewStream(_name, PipeOptions.None);
                var served = ServeAsync(connected);
                _served[served] = true;
                _ = served.ContinueWith(done => _served.TryRemove(done, out _), TaskScheduler.Default);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or UnauthorizedAccessException)
        {
            // The end; or the system has no further one, and this server serves on without.
        }
        finally
        {
            await waiting.DisposeAsync();
        }
    }

    private async Task ServeAsync(NamedPipeServerStream client)
    {
        var buffer = new byte[LongestLine];
        var length = 0;
        try
        {
            while (true)
            {
                int end;
                while ((end = buffer.AsSpan(0, length).IndexOf((byte)'\n')) < 0)
                {
                    if (length == buffer.Length)
                    {
                        await WriteAsync(client, $$"""{"error": "The line is longer than {{LongestLine}} bytes"}""");
                        return;
                    }

                    var read = await ReadAsync(client, buffer.AsMemory(length));
                    if (read == 0)
                        return;
                    length += read;
                }

                var line = Encoding.UTF8.GetString(buffer, 0, end);
                buffer.AsSpan(end + 1, length - end - 1).CopyTo(buffer);
                length -= end + 1;
                await WriteAsync(client, await AskAsync(line));
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or TimeoutException or InvalidOperationException)
        {
            // It has gone, was too slow, or the server ends.
        }
        finally
        {
            await client.DisposeAsync();
            _room.Release();
        }
    }

    private async Task<int> ReadAsync(NamedPipeServerStream client, Memory<byte> room)
    {
        using var time = new CancellationTokenSource(Idle, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, _stop.Token);
        return await client.ReadAsync(room, either.Token);
    }

    private async Task<string> AskAsync(string line)
    {
        var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked.Add((line, answer)); // Has room: each client waits for the answer to its line.
        return await answer.Task.WaitAsync(Patience, _time);
    }

    private async Task WriteAsync(NamedPipeServerStream client, string answer)
    {
        using var time = new CancellationTokenSource(Stall, _time);
        await client.WriteAsync(Encoding.UTF8.GetBytes(answer + "\n"), time.Token);
    }
}
