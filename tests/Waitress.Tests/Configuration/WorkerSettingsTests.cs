using Waitress.Configuration;
using static Waitress.Tests.Configuration.Given;

namespace Waitress.Tests.Configuration;

public class WorkerSettingsTests
{
    [Theory]
    [InlineData("thread", 6)]
    [InlineData("interpreter", 6)]
    [InlineData("process", 3)]
    public void Concurrency_OfOneProcess_DependsOnTheClass(string workerClass, int expected)
        => Assert.Equal(expected, Good(Keywords(("workers", 2L), ("threads", 3L), ("worker_class", workerClass))).Concurrency);

    [Fact]
    public void Workers_Auto_AreTheProcessors()
    {
        Assert.Equal(Environment.ProcessorCount, Good(Keywords(("workers", "auto"))).WorkerCount);
        Assert.Equal((long)Environment.ProcessorCount, Keywords(("workers", "auto")).Values["workers"]);
        Assert.Contains("auto", Bad(Keywords(("workers", "many"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("worker_class", "process")]
    [InlineData("supervise", true)]
    [InlineData("reload", true)]
    [InlineData("max_requests", 1L)]
    [InlineData("max_lifetime", 0.5)]
    [InlineData("max_memory", "1K")]
    public void Supervised_WhatNeedsASupervisor_ImpliesIt(string name, object value)
    {
        Assert.True(Good(Keywords((name, value))).Supervised);
        Assert.Equal(true, Keywords((name, value)).Values["supervised"]);
    }

    [Theory]
    [InlineData("supervise", false)]
    [InlineData("max_requests", 0L)]
    [InlineData("max_memory", "0")]
    [InlineData("worker_timeout", 5L)]
    public void Supervised_WhatIsOff_DoesNotImplyIt(string name, object value)
        => Assert.False(Good(Keywords((name, value))).Supervised);

    [Theory]
    [InlineData("300M", 300L << 20)]
    [InlineData("2g", 2L << 30)]
    [InlineData("1024", 1024L)]
    [InlineData(4096L, 4096L)]
    public void Size_WithSuffix_IsBytes(object given, long expected)
        => Assert.Equal(expected, Keywords(("max_memory", given)).Values["max_memory"]);

    [Theory]
    [InlineData("M")]
    [InlineData("-1K")]
    [InlineData("1.5G")]
    [InlineData("9999999T")]
    [InlineData("12X")]
    public void Size_OtherText_IsRefused(string given)
        => Assert.Contains("times 1024", Bad(Keywords(("max_memory", given))), StringComparison.Ordinal);

    [Theory]
    [InlineData("0.5", 0.5)]
    [InlineData(3L, 3d)]
    [InlineData(1.25, 1.25)]
    public void Seconds_Fractions_AreAllowed(object given, double expected)
        => Assert.Equal(expected, Good(Keywords(("request_timeout", given))).RequestTimeout);

    [Theory]
    [InlineData("-1")]
    [InlineData("soon")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    public void Seconds_OtherText_IsRefused(string given)
        => Assert.Contains("a number of seconds", Bad(Keywords(("queue_timeout", given))), StringComparison.Ordinal);

    [Fact]
    public void WorkerClass_Unknown_TellsTheClasses()
        => Assert.Contains("thread, process, interpreter", Bad(Keywords(("worker_class", "gevent"))), StringComparison.Ordinal);

    [Fact]
    public void Daemon_Asked_IsRefusedWithAdvice()
        => Assert.Contains("systemd", Bad(Keywords(("daemon", true))), StringComparison.Ordinal);

    [Fact]
    public void MinWorkers_WithoutProcesses_IsAnError()
    {
        Assert.Contains("needs worker_class process", Bad(Keywords(("min_workers", 2L))), StringComparison.Ordinal);
        Assert.Contains("the least is more", Bad(Keywords(("worker_class", "process"), ("min_workers", 3L), ("max_workers", 2L))), StringComparison.Ordinal);
    }

    [Fact]
    public void MaxThreads_BelowThreads_IsAnError()
        => Assert.Contains("the most is less", Bad(Keywords(("threads", 4L), ("max_threads", 2L))), StringComparison.Ordinal);

    [Fact]
    public void ShortOptions_OfGunicorn_StandForTheirOptions()
    {
        var line = CommandLine.Parse(["-w", "2", "-k", "process", "--reload-extra=a b", "--reload-extra", "c", "app:app"]);
        Assert.Empty(line.Errors);
        Assert.Equal("2", line.Values["workers"]);
        Assert.Equal("process", line.Values["worker_class"]);
        Assert.Equal("4", CommandLine.Parse(["-w4", "app:app"]).Values["workers"]);
        Assert.Equal(["a b", "c"], Assert.IsType<string[]>(line.Values["reload_extra"]));
    }
}
