using System.Diagnostics;
using System.Text;
using Waitress.AccessLogging;
using Waitress.Telemetry;

namespace Waitress.Tests.AccessLogging;

/// <summary>The writer against real files: batches, rotation of every kind, a full disk, a reader that has stopped.</summary>
public sealed class LogWriterTests : IDisposable
{
    private readonly LogFolder _folder = new();

    [Fact]
    public void Lines_ThatComeTogether_AreWrittenInOrder()
    {
        var log = _folder.Start(queue: new LineQueue());
        var lines = Enumerable.Range(0, 10_000).Select(number => $"line {number}").ToArray();
        LogFolder.Write(log, lines);
        Assert.Equal(lines, _folder.Lines());
        Assert.Empty(_folder.Told.Take());
    }

    [Fact]
    public void Stop_WithLinesInTheQueue_WritesThem()
    {
        var queue = new LineQueue();
        var log = _folder.Start(queue: queue);
        for (var i = 0; i < 1000; i++)
            queue.Add("line\n"u8, out _);
        log.Writer.Stop();
        Assert.Equal(1000, _folder.Lines().Length);
        Assert.Empty(_folder.Told.Take());
    }

    /// <summary>A worker that joins a running service whose folder of logs has gone.</summary>
    [Fact]
    public void File_WithoutItsFolderAtTheStart_IsToldOfAndWrittenWhenItCanBe()
    {
        var path = _folder.File(Path.Combine("logs", "access.log"));
        var log = _folder.Start(path, mayMiss: true);
        log.Queue.Add("1\n"u8, out _);
        Assert.Contains("logs/access.log can't be opened", _folder.Await(LogEvent.AccessLogFailed).Text, StringComparison.Ordinal);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        LogFolder.Until(() => log.Writer.Written == 1, "the line that was kept is written");
        LogFolder.Write(log, "2");
        Assert.Equal(["1", "2"], File.ReadAllLines(path));
        Assert.Equal([LogEvent.AccessLogReopened, LogEvent.AccessLogBack], _folder.Told.Take().Select(entry => entry.Event));
    }

    [Fact]
    public void File_WithoutItsFolderWhenAskedToReopen_IsTriedAtOnce()
    {
        var path = _folder.File(Path.Combine("logs", "access.log"));
        var log = _folder.Start(path, mayMiss: true);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        log.Writer.Reopen();
        Assert.True(File.Exists(path));
    }

    [Fact]
    public void File_ThatWasMovedAndMadeAnew_IsNotWrittenToAnyMore()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1");
        File.Move(_folder.Log, _folder.File("access.log.1"));
        File.Create(_folder.Log).Dispose();
        _folder.Await(LogEvent.AccessLogReopened);
        LogFolder.Write(log, "2");
        Assert.Equal(["1"], _folder.Lines("access.log.1"));
        Assert.Equal(["2"], _folder.Lines());
    }

    [Fact]
    public void File_ThatWasMoved_IsMadeAfterAMoment()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1");
        File.Move(_folder.Log, _folder.File("access.log.1"));
        LogFolder.Write(log, "2");
        _folder.Await(LogEvent.AccessLogReopened);
        LogFolder.Write(log, "3");
        Assert.Equal(["1", "2", "3"], [.. _folder.Lines("access.log.1"), .. _folder.Lines()]);
        Assert.Equal("3", _folder.Lines()[^1]);
    }

    [Fact]
    public void File_ThatWasRemoved_IsMadeAnew()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1");
        File.Delete(_folder.Log);
        _folder.Await(LogEvent.AccessLogReopened);
        LogFolder.Write(log, "2");
        Assert.Equal(["2"], _folder.Lines());
    }

    [Fact]
    public void Reopen_Asked_IsDoneWhenItReturns()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1");
        File.Move(_folder.Log, _folder.File("access.log.1"));
        log.Writer.Reopen();
        Assert.True(File.Exists(_folder.Log));
        LogFolder.Write(log, "2");
        Assert.Equal(["1"], _folder.Lines("access.log.1"));
        Assert.Equal(["2"], _folder.Lines());
    }

    [Fact]
    public void Reopen_WhenItCanNot_KeepsTheOldFile()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1");
        File.Move(_folder.Log, _folder.File("access.log.1"));
        Directory.CreateDirectory(_folder.Log);
        log.Writer.Reopen();
        Assert.Contains("it is a folder; its lines go to the file that was moved", _folder.Await(LogEvent.AccessLogNotReopened).Text, StringComparison.Ordinal);
        LogFolder.Write(log, "2");
        Assert.Equal(["1", "2"], _folder.Lines("access.log.1"));
        Directory.Delete(_folder.Log);
        log.Writer.Reopen();
        LogFolder.Write(log, "3");
        Assert.Equal(["3"], _folder.Lines());
    }

    [Fact]
    public void Truncation_AfterACopyThatMissedLines_WritesExactlyTheseAgain()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1", "2");
        File.Copy(_folder.Log, _folder.File("access.log.1"));
        LogFolder.Write(log, "3", "4");
        Truncate();
        var told = _folder.Await(LogEvent.AccessLogCopied).Text;
        Assert.EndsWith("; 2 line(s) that the copy lacks were written again", told, StringComparison.Ordinal);
        LogFolder.Write(log, "5");
        Assert.Equal(["1", "2"], _folder.Lines("access.log.1"));
        Assert.Equal(["3", "4", "5"], _folder.Lines());
    }

    [Fact]
    public void Truncation_WithACopyThatEndsWithinALine_WritesThatLineAgain()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "first", "second");
        File.WriteAllText(_folder.File("access.log.1"), "first\nsec");
        Truncate();
        _folder.Await(LogEvent.AccessLogCopied);
        Assert.Equal(["second"], _folder.Lines());
    }

    [Fact]
    public void Truncation_AfterAWholeCopy_WritesNothingTwice()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1", "2");
        Directory.CreateDirectory(_folder.File("old"));
        File.Copy(_folder.Log, _folder.File("old/access-20261122.log"));
        Truncate();
        Assert.Contains("0 line(s)", _folder.Await(LogEvent.AccessLogCopied).Text, StringComparison.Ordinal);
        LogFolder.Write(log, "3");
        Assert.Equal(["3"], _folder.Lines());
    }

    [Fact]
    public void Truncation_WithoutACopy_IsTold()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "1");
        File.WriteAllText(_folder.File("access.log.1"), "another file\n");
        Truncate();
        _folder.Await(LogEvent.AccessLogCut);
        LogFolder.Write(log, "2");
        Assert.Equal(["2"], _folder.Lines());
    }

    /// <summary>The file has grown beyond where this process had written, before it looked: the size does not tell.</summary>
    [Fact]
    public void Truncation_OfAFileThatOthersFilledAgain_IsSeen()
    {
        var log = _folder.Start();
        LogFolder.Write(log, "mine 1", "mine 2");
        File.WriteAllText(_folder.File("access.log.1"), "mine 1\n");
        using (var others = new FileStream(_folder.Log, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            others.SetLength(0);
            others.Write(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("theirs\n", 100))));
        }

        _folder.Await(LogEvent.AccessLogCopied);
        Assert.Equal("mine 2", _folder.Lines()[^1]);
        Assert.Equal(101, _folder.Lines().Length);
    }

    /// <summary>Two processes; each answers for its own lines. The first has none in the copy: it knows it by its beginning.</summary>
    [Fact]
    public void Truncation_OfASharedFile_LosesNeithersLines()
    {
        var first = _folder.Start();
        LogFolder.Write(first, "head of the file");
        var second = _folder.Start();
        var third = _folder.Start();
        LogFolder.Write(second, "second 1");
        File.Copy(_folder.Log, _folder.File("access.log.1"));
        LogFolder.Write(third, "third 1");
        LogFolder.Write(second, "second 2");
        Truncate();
        LogFolder.Until(() => _folder.Lines().Length == 2, "both lines are there again");
        Assert.Equal(["second 2", "third 1"], _folder.Lines().Order());
    }

    [Fact]
    public void Truncation_BetweenTwoWritesInARow_IsSeen()
    {
        var log = _folder.Start();
        for (var round = 0; round < 20; round++)
        {
            LogFolder.Write(log, $"{round} copied");
            File.Copy(_folder.Log, _folder.File($"access.log.{round}"));
            LogFolder.Write(log, $"{round} missed");
            Truncate();
            LogFolder.Write(log, $"{round} after"); // Most often before the writer has looked.
        }

        _folder.Await(LogEvent.AccessLogCopied);
        string[] Every() => [.. Enumerable.Range(0, 20).SelectMany(round => _folder.Lines($"access.log.{round}")), .. _folder.Lines()];
        LogFolder.Until(() => Every().Length == 60, "all lines are somewhere");
        Assert.Equal(60, Every().Distinct().Count());
    }

    [Fact]
    public void Disk_ThatIsFull_IsToldAndLinesAreKept()
    {
        File.CreateSymbolicLink(_folder.Log, "/dev/full");
        var log = _folder.Start();
        Assert.True(log.Queue.Add("1\n"u8, out _));
        Assert.Contains("No space left on device", _folder.Await(LogEvent.AccessLogFailed).Text, StringComparison.Ordinal);
        Assert.True(log.Queue.Add("2\n"u8, out _));
        File.Delete(_folder.Log);
        log.Writer.Reopen();
        Assert.EndsWith("is written again; 0 line(s) were lost", _folder.Await(LogEvent.AccessLogBack).Text, StringComparison.Ordinal);
        LogFolder.Until(() => log.Writer.Written == 2, "the lines are written");
        Assert.Equal(["1", "2"], _folder.Lines());
    }

    [Fact]
    public void Disk_ThatStaysFull_LosesLinesAtTheStop()
    {
        var log = _folder.Start("/dev/full");
        for (var i = 0; i < 10; i++)
            log.Queue.Add("line\n"u8, out _);
        log.Writer.Stop();
        Assert.Equal(10, log.Queue.Lost);
        Assert.StartsWith("10 line(s)", _folder.Told.Take()[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Pipe_ThatNobodyReads_HoldsUpNobodyAndIsLeftAtTheStop()
    {
        var pipe = MakePipe();
        var log = _folder.Start(pipe, new LineQueue(most: 1_000_000));
        var line = Encoding.ASCII.GetBytes(new string('x', 999) + "\n");
        LogFolder.Until(() => !log.Queue.Add(line, out _), "the queue is full");
        Assert.InRange(log.Queue.Lost, 1, long.MaxValue);
        Assert.InRange(log.Queue.Waiting, 990_000, 1_000_000);
        var watch = Stopwatch.StartNew();
        log.Writer.Stop();
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(20));
        Assert.Contains("the stop does not wait longer", _folder.Await(LogEvent.AccessLogLeft).Text, StringComparison.Ordinal);

        // Or the writer's thread would hang in the tests' process for ever.
        using var reader = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var buffer = new byte[65_536];
        for (var read = 0L; read < 500_000;)
            read += reader.Read(buffer);
    }

    [Fact]
    public void Pipe_WithAReader_GetsWholeLinesInOrder()
    {
        var pipe = MakePipe();
        var log = _folder.Start(pipe);
        using var reader = new StreamReader(new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
        for (var i = 0; i < 2000; i++)
            log.Queue.Add(Encoding.ASCII.GetBytes($"{i} {new string('x', i % 5000)}\n"), out _);
        for (var i = 0; i < 2000; i++)
            Assert.Equal($"{i} {new string('x', i % 5000)}", reader.ReadLine());
    }

    private void Truncate()
    {
        using var file = new FileStream(_folder.Log, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(0);
    }

    private string MakePipe()
    {
        var path = _folder.File("pipe");
        using var made = Process.Start("mkfifo", [path])!;
        made.WaitForExit();
        Assert.Equal(0, made.ExitCode);
        return path;
    }

    public void Dispose() => _folder.Dispose();
}
