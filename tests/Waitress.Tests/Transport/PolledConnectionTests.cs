using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using static Waitress.Tests.Transport.SocketPair;

namespace Waitress.Tests.Transport;

public sealed class PolledConnectionTests
{
    private static readonly byte[] Large = [.. Enumerable.Range(0, 4_000_000).Select(i => (byte)(i * 7 + i / 251))];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Input_MoreThanAnybodyTakes_WaitsInTheKernelAndArrivesInOrder(bool unix)
    {
        await using var pair = await SocketPair.OpenAsync(unix: unix, buffers: 8_192);
        var sending = pair.Client.SendAsync(Large);
        var read = await InTime(pair.Input.ReadAsync());
        while (read.Buffer.Length < 1_048_576)
        {
            pair.Input.AdvanceTo(read.Buffer.Start);
            await Task.Yield();
            read = await InTime(pair.Input.ReadAsync());
        }

        Assert.InRange(read.Buffer.Length, 1_048_576, 1_048_576 + 32_768); // A block more at most; the rest is the kernel's, or not sent.
        pair.Input.AdvanceTo(read.Buffer.Start);
        var got = new List<byte>();
        while (got.Count < Large.Length)
        {
            read = await InTime(pair.Input.ReadAsync());
            got.AddRange(read.Buffer.Slice(0, Math.Min(read.Buffer.Length, 70_000)).ToArray());
            pair.Input.AdvanceTo(read.Buffer.GetPosition(Math.Min(read.Buffer.Length, 70_000)));
        }

        await InTime(sending);
        Assert.Equal(Large, got);
    }

    [Fact]
    public async Task Input_ExaminedAndNotConsumed_IsGivenAgainWithWhatComesBehind()
    {
        await using var pair = await SocketPair.OpenAsync();
        await pair.Client.SendAsync("one"u8.ToArray());
        var read = await InTime(pair.Input.ReadAsync());
        pair.Input.AdvanceTo(read.Buffer.GetPosition(1), read.Buffer.End);
        var next = pair.Input.ReadAsync();
        Assert.False(next.IsCompleted);
        await pair.Client.SendAsync(" two"u8.ToArray());
        read = await InTime(next);
        Assert.Equal("ne two", Encoding.ASCII.GetString(read.Buffer.ToArray()));
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.GetPosition(2));
        Assert.True(pair.Input.TryRead(out read)); // Not all of it was examined.
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));
    }

    [Fact]
    public async Task Client_ThatEndsItsDirection_CanStillBeAnswered()
    {
        await using var pair = await SocketPair.OpenAsync();
        var closed = new TaskCompletionSource();
        pair.Connection.ConnectionClosed.Register(closed.SetResult);
        await pair.Client.SendAsync("all"u8.ToArray());
        pair.Client.Shutdown(SocketShutdown.Send);
        var read = await InTime(pair.Input.ReadAtLeastAsync(4));
        Assert.Equal((true, 3L), (read.IsCompleted, read.Buffer.Length));
        pair.Input.AdvanceTo(read.Buffer.End);
        await InTime(closed.Task);
        await InTime(pair.Output.WriteAsync("answer"u8.ToArray()));
        Assert.Equal("answer"u8.ToArray(), await pair.ReceiveAsync(6));
    }

    [Fact]
    public async Task Client_ThatResets_FailsTheReadAndEndsTheWrites()
    {
        await using var pair = await SocketPair.OpenAsync();
        var read = pair.Input.ReadAsync();
        pair.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        pair.Client.Dispose();
        await Assert.ThrowsAsync<ConnectionResetException>(() => InTime(read));
        var flushed = await InTime(pair.Output.WriteAsync(new byte[10])); // The first after a reset may still be taken.
        for (var tries = 0; !flushed.IsCompleted && tries < 100; tries++)
            flushed = await InTime(pair.Output.WriteAsync(new byte[10]));
        Assert.True(flushed.IsCompleted);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Output_MoreThanTheClientTakes_MakesTheFlushWaitAndArrivesInOrder(bool unix)
    {
        await using var pair = await SocketPair.OpenAsync(unix: unix, buffers: 8_192);
        var writing = Task.Run(async () =>
        {
            for (var sent = 0; sent < Large.Length; sent += 100_000)
                await pair.Output.WriteAsync(Large.AsMemory(sent, Math.Min(100_000, Large.Length - sent)));
        });
        var first = await pair.ReceiveAsync(1);
        Assert.False(writing.IsCompleted); // 4 MB are more than the two buffers and what may wait hold.
        var rest = await pair.ReceiveAsync(Large.Length - 1);
        await InTime(writing);
        Assert.Equal(Large, first.Concat(rest));
    }

    [Fact]
    public async Task Output_OfOneFlush_MayBeLargerThanABlock()
    {
        await using var pair = await SocketPair.OpenAsync();
        pair.Output.GetSpan(50_000)[..50_000].Fill(1);
        pair.Output.Advance(50_000);
        pair.Output.Write(new byte[50_000]);
        Assert.Equal(100_000, pair.Output.UnflushedBytes);
        var received = pair.ReceiveAsync(100_000);
        Assert.False((await InTime(pair.Output.FlushAsync())).IsCompleted);
        Assert.Equal(Enumerable.Repeat((byte)1, 50_000).Concat(new byte[50_000]), await received);
        Assert.Equal(0, pair.Output.UnflushedBytes);
    }

    [Fact]
    public async Task Dispose_WithBytesThatWait_SendsThemFirst()
    {
        await using var pair = await SocketPair.OpenAsync(buffers: 8_192);
        var flush = pair.Output.WriteAsync(Large);
        Assert.False(flush.IsCompleted);
        var disposed = pair.Connection.DisposeAsync().AsTask();
        Assert.False(disposed.IsCompleted);
        Assert.Equal(Large, await pair.ReceiveAsync(Large.Length));
        await InTime(disposed);
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]).WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Abort_WhileBothSidesWait_EndsBothAndNothingIsSentOn()
    {
        await using var pair = await SocketPair.OpenAsync(buffers: 8_192);
        var read = pair.Input.ReadAsync();
        var flush = pair.Output.WriteAsync(Large);
        var reason = new ConnectionAbortedException("enough");
        pair.Connection.Abort(reason);
        Assert.True((await InTime(flush)).IsCompleted);
        Assert.Same(reason, await Assert.ThrowsAsync<ConnectionAbortedException>(() => InTime(read)));
        await InTime(pair.Connection.DisposeAsync().AsTask());

        // By a reset: an answer that was cut must not look whole.
        var error = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (await pair.Client.ReceiveAsync(new byte[65_536]).WaitAsync(TimeSpan.FromSeconds(20)) > 0)
            {
            }
        });
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
    }

    [Fact]
    public async Task Waits_ThatAreCancelled_EndAndNothingIsLost()
    {
        await using var pair = await SocketPair.OpenAsync(buffers: 8_192);
        using var cancelled = new CancellationTokenSource();
        var read = pair.Input.ReadAsync(cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => InTime(read));
        read = pair.Input.ReadAsync();
        pair.Input.CancelPendingRead();
        Assert.True((await InTime(read)).IsCanceled);
        pair.Input.CancelPendingRead(); // Nobody waits: it is for the next one.
        Assert.True((await InTime(pair.Input.ReadAsync())).IsCanceled);

        var flush = pair.Output.WriteAsync(Large);
        Assert.False(flush.IsCompleted);
        pair.Output.CancelPendingFlush();
        Assert.True((await InTime(flush)).IsCanceled);
        Assert.Equal(Large, await pair.ReceiveAsync(Large.Length));
        await pair.Client.SendAsync("still"u8.ToArray());
        Assert.Equal(5, (await InTime(pair.Input.ReadAtLeastAsync(5))).Buffer.Length);
    }

    [Fact]
    public async Task Features_ThatAreSet_AreFoundAndMayHideItsOwn()
    {
        await using var pair = await SocketPair.OpenAsync();
        var features = pair.Connection.Features;
        Assert.Same(pair.Connection, features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionIdFeature>());
        Assert.Null(features.Get<string>());
        features.Set("one");
        features.Set("two");
        Assert.Equal("two", features.Get<string>());
        features.Set<Microsoft.AspNetCore.Connections.Features.IConnectionIdFeature>(null);
        Assert.Null(features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionIdFeature>());
        Assert.Equal(["two"], features.Select(pair => pair.Value));
    }
}
