using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Waitress.Configuration;
using Waitress.Guards;
using Waitress.Http;

namespace Waitress.Tests.Http;

[Collection(TemporaryFiles.Alone)]
public sealed class RequestBodyTests : IDisposable
{
    private static readonly Settings Small = new() { InbufOverflow = 1000, MaxRequestBodySize = 5000, ChannelTimeout = 120, MinBodyRate = 0 };

    private readonly ManualTime time = new();
    private readonly IdleSweep sweep;
    private readonly Pipe pipe = new(new PipeOptions(null, PipeScheduler.Inline, PipeScheduler.Inline, 0, -1, -1, false));
    private readonly RequestBody body;

    public RequestBodyTests()
    {
        sweep = new IdleSweep(time);
        body = new RequestBody(Small, sweep);
    }

    public void Dispose()
    {
        body.Dispose();
        sweep.Dispose();
        TemporaryFiles.WaitForNone();
        TemporaryFiles.AssertFolderEmpty();
    }

    private static byte[] Pattern(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7 % 251))];

    private byte[] Content()
    {
        if (body.File is null)
            return body.Memory.ToArray();
        var content = new byte[body.Length];
        Assert.Equal(content.Length, RandomAccess.Read(body.File, content, 0));
        return content;
    }

    private async Task<Refusal?> Receive(byte[] content, int segment, long? declared)
    {
        var received = body.ReceiveAsync(pipe.Reader, declared).AsTask();
        for (var at = 0; at < content.Length && !received.IsCompleted; at += segment)
            await pipe.Writer.WriteAsync(content.AsMemory(at, Math.Min(segment, content.Length - at)));
        await pipe.Writer.CompleteAsync();
        return await received.WaitAsync(TimeSpan.FromSeconds(20));
    }

    public static TheoryData<int, int, bool> Sizes
    {
        get
        {
            var sizes = new TheoryData<int, int, bool>();
            foreach (var size in new[] { 0, 1, 999, 1000, 1001, 4999 })
            {
                foreach (var segment in new[] { 1, 7, 999, 5000 })
                {
                    sizes.Add(size, segment, true);
                    sizes.Add(size, segment, false);
                }
            }

            return sizes;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Receive_AnySizeInAnySegments_IsWholeInMemoryOrFile(int size, int segment, bool announced)
    {
        var content = Pattern(size);
        Assert.Null(await Receive(content, segment, announced ? size : null));
        Assert.Equal(size, body.Length);
        Assert.Equal(size > 1000, body.File is not null);
        Assert.Equal(content, Content());
    }

    [Theory]
    [InlineData(5000)]
    [InlineData(9000)]
    public async Task Receive_MaxRequestBodySizeOrMore_IsRefused(int size) =>
        Assert.Equal(Refusal.BodyTooLarge, await Receive(Pattern(size), 700, null));

    [Fact]
    public async Task Receive_NoByteForChannelTimeout_IsRefusedWith408()
    {
        var received = body.ReceiveAsync(pipe.Reader, 10).AsTask();
        for (var i = 0; i < 5; i++)
        {
            time.Advance(TimeSpan.FromSeconds(119));
            Assert.False(received.IsCompleted);
            await pipe.Writer.WriteAsync(new byte[] { 1 });
        }

        time.Advance(TimeSpan.FromSeconds(120));
        Assert.False(received.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Refusal.RequestTimeout, await received.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(400, 400)]
    [InlineData(408, 408)]
    [InlineData(413, 413)]
    public async Task Receive_KestrelRefuses_IsRefusedAlike(int kestrels, int ours)
    {
        await pipe.Writer.WriteAsync(new byte[10]);
        await pipe.Writer.CompleteAsync(new BadHttpRequestException("broken", kestrels));
        var refusal = await body.ReceiveAsync(pipe.Reader, 20);
        Assert.Equal(ours, refusal?.Status);
    }

    [Fact]
    public async Task Receive_ClientGone_IsToldByTheException()
    {
        var received = body.ReceiveAsync(pipe.Reader, 20).AsTask();
        await pipe.Writer.CompleteAsync(new ConnectionResetException("gone"));
        await Assert.ThrowsAsync<ConnectionResetException>(() => received);
    }

    [Fact]
    public async Task Dispose_BetweenBodies_BeginsAnew()
    {
        foreach (var size in new[] { 3000, 10, 2000, 0, 900 })
        {
            Assert.Null(await Receive(Pattern(size), 333, size));
            Assert.Equal(Pattern(size), Content());
            body.Dispose();
            Assert.Equal(0, body.Length);
            Assert.Null(body.File);
            await pipe.Reader.CompleteAsync();
            pipe.Reset();
        }
    }
}
