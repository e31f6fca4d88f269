using System.Runtime.InteropServices;
using Waitress.Metrics;

namespace Waitress.Tests.Metrics;

public sealed class MetricBoardTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    // As the supervisor makes it and workers map it: two descriptors of one file.
    private (MetricBoard Supervisor, MetricBoard Worker) Shared(int slots)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        return (MetricBoard.Create((int)file.DangerousGetHandle(), slots), MetricBoard.Open(Descriptor())!);
    }

    private int Descriptor()
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var number = (int)handle.DangerousGetHandle();
        handle.SetHandleAsInvalid();
        return number;
    }

    // What is mapped already stays mapped, and is not looked at again.
    private void Overwrite(byte[] content)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        file.Write(content);
    }

    [Fact]
    public void Numbers_WrittenByOneProcess_AreReadByTheOther()
    {
        var (supervisor, worker) = Shared(3);
        Assert.Equal(3, worker.Slots);
        worker.OfSlot(2).Add(MetricTable.Timeouts.Place, 5);
        worker.OfSlot(2)[Fact.Pid] = 77;
        supervisor.OfService[Fact.State] = (long)ServiceState.Serving;
        var now = supervisor.Read();
        Assert.Equal((5, 5, 0), (now.Sum(MetricTable.Timeouts.Place), now.Worker(2, MetricTable.Timeouts.Place), now.Worker(1, MetricTable.Timeouts.Place)));
        Assert.Equal([2], now.Taken);
        Assert.Equal((long)ServiceState.Serving, worker.Read().Service(Fact.State));
    }

    [Fact]
    public void Fold_OfAWorkerThatEnded_KeepsWhatOutlivesItAndForgetsTheRest()
    {
        var board = Shared(2).Supervisor;
        var slot = board.OfSlot(1);
        (slot[Fact.Pid], slot[Fact.Name]) = (5, 9);
        foreach (var row in MetricTable.All.Where(row => row.Cells > 0))
        {
            for (var cell = row.Place; cell < row.Place + row.Cells; cell++)
                slot[cell] = cell + 1;
        }

        board.OfService.Add(MetricTable.Restarts.Place, 3);
        board.Fold(1);
        board.Fold(1);
        var now = board.Read();
        Assert.Empty(now.Taken);
        foreach (var row in MetricTable.All.Where(row => row.Cells > 0))
        {
            for (var cell = row.Place; cell < row.Place + row.Cells; cell++)
                Assert.Equal((row.Outlives ? cell + 1 : 0) + (cell == MetricTable.Restarts.Place ? 3 : 0), now.Sum(cell));
        }
    }

    [Fact]
    public async Task Read_WhileWorkersAreFolded_NeverSeesACounterGoBack()
    {
        var (supervisor, worker) = Shared(2);
        var cell = MetricTable.Accepted.Place;
        using var ended = new CancellationTokenSource();
        var reading = Task.Run(() =>
        {
            var (last, reads) = (0L, 0);
            while (!ended.IsCancellationRequested || reads == 0)
            {
                var now = worker.Read().Sum(cell);
                Assert.True(now >= last, $"{last} was followed by {now}");
                (last, reads) = (now, reads + 1);
            }
        });
        for (var round = 0; round < 2000; round++)
        {
            worker.OfSlot(round % 2).Add(cell, 7);
            supervisor.Fold(round % 2);
        }

        await ended.CancelAsync();
        await reading;
        Assert.Equal(14_000, worker.Read().Sum(cell));
    }

    [Fact]
    public void Open_OfAnotherLayout_GivesNothingAndOfAnotherFileFails()
    {
        Shared(2);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.Position = 8;
            file.WriteByte(1);
            file.WriteByte(2);
        }

        Assert.Null(MetricBoard.Open(Descriptor()));
        Overwrite(new byte[4096]);
        Assert.Throws<IOException>(() => MetricBoard.Open(Descriptor()));
        Overwrite([]);
        Assert.Throws<IOException>(() => MetricBoard.Open(Descriptor()));
    }

    [Theory]
    [InlineData(ServiceState.Starting, 1, "starting")]
    [InlineData(ServiceState.Starting, 2, "starting")]
    [InlineData(ServiceState.Serving, 2, null)]
    [InlineData(ServiceState.Reloading, 2, null)]
    [InlineData(ServiceState.Serving, 1, "no worker is ready")]
    [InlineData(ServiceState.Serving, 3, "no worker is ready")]
    [InlineData(ServiceState.Stopping, 2, "stopping")]
    internal void NotReady_OfStates_GivesTheReason(ServiceState service, long worker, string? reason)
    {
        var board = MetricBoard.Private();
        board.OfService[Fact.State] = (long)service;
        (board.OfSlot(0)[Fact.Pid], board.OfSlot(0)[Fact.State]) = (1, worker);
        Assert.Equal(reason, Service.NotReady(board.Read()));
    }

    [Fact]
    public void Regions_OfTwoProcesses_ShareNoCacheLine() => Assert.Equal(0, MetricBoard.RegionCells * Marshal.SizeOf<long>() % 64);
}
