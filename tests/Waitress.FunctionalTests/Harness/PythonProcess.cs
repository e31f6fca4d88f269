using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Waitress.FunctionalTests.Harness;

/// <summary>A Python that this suite started, in tests/apps, with its two streams captured; ended by its own id only.</summary>
internal sealed class PythonProcess : IAsyncDisposable
{
    public const int Sighup = 1;
    public const int Sigint = 2;
    public const int Sigquit = 3;
    public const int Sigkill = 9;
    public const int Sigusr1 = 10;
    public const int Sigusr2 = 12;
    public const int Sigterm = 15;
    public const int Sigttin = 21;
    public const int Sigttou = 22;

    private const int NoSuchProcess = 3; // ESRCH

    private readonly Process _process;

    private PythonProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => AddTo(Output, line.Data);
        _process.ErrorDataReceived += (_, line) => AddTo(Errors, line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public LogCapture Output { get; } = new();

    public LogCapture Errors { get; } = new();

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public static PythonProcess Start(
        IEnumerable<string> arguments, string? python = null, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(python ?? Pythons.First)
        {
            WorkingDirectory = folder ?? Pythons.Apps,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // The suite's own surroundings must not configure the servers under test.
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["PYTHONPATH"] = Pythons.Apps;
        start.Environment["PYTHONUNBUFFERED"] = "1";
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return new PythonProcess(start);
    }

    /// <summary>Runs to the end and gives exit code and streams.</summary>
    public static async Task<Ended> RunAsync(
        IEnumerable<string> arguments, string? python = null, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        await using var process = Start(arguments, python, environment, folder);
        var code = await process.ExitAsync();
        return new Ended(code, process.Output.Lines, process.Errors.Lines);
    }

    public void Signal(int signal)
    {
        // It may end by itself after the first look.
        if (!_process.HasExited && kill(_process.Id, signal) != 0 && Marshal.GetLastPInvokeError() != NoSuchProcess)
        {
            throw new InvalidOperationException($"kill({_process.Id}, {signal}): error {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>To its standard input.</summary>
    public void Write(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    /// <summary>To a process that a process of the suite has started: a worker, a supervisor's successor.</summary>
    public static void Send(int process, int signal)
    {
        if (kill(process, signal) != 0)
        {
            throw new InvalidOperationException($"kill({process}, {signal}): error {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>The exit code, once the process is gone and its streams are read to the end.</summary>
    public async Task<int> ExitAsync()
    {
        try
        {
            await _process.WaitForExitAsync().Within("the process ends");
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}\nIts log ends:\n{string.Join('\n', Errors.Lines.TakeLast(30))}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Signal(Sigkill);
        await _process.WaitForExitAsync().WaitAsync(Deadline.Wait).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _process.Dispose();
    }

    private static bool IsSetting(string name) =>
        name.StartsWith("WAITRESS_", StringComparison.Ordinal) || name.StartsWith("OTEL_", StringComparison.Ordinal) || name is "PORT" or "WEB_CONCURRENCY" or "LISTEN_FDS" or "LISTEN_PID";

    private static void AddTo(LogCapture log, string? line)
    {
        if (line is not null)
        {
            log.Add(line);
        }
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int pid, int signal);

    internal sealed record Ended(int Code, IReadOnlyList<string> Output, IReadOnlyList<string> Errors)
    {
        public string OutputText => string.Join('\n', Output);

        public string ErrorText => string.Join('\n', Errors);
    }
}
