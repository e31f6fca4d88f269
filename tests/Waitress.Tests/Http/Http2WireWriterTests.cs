using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Waitress.Http;

namespace Waitress.Tests.Http;

/// <summary>Frames of ours between Kestrel's; the test plays Kestrel and the transport. A frame is a letter and its end.</summary>
public class Http2WireWriterTests
{
    private static byte[] Bytes(string text) => Encoding.ASCII.GetBytes(text);

    [Fact]
    public async Task Send_BetweenFlushes_LeavesAtOnce() => await WithWireAsync(async wire =>
    {
        await wire.Kestrel.WriteAsync(Bytes("a."));
        var sent = wire.SendAsync("X.");
        Assert.True(sent.IsCompletedSuccessfully);
        await wire.Kestrel.WriteAsync(Bytes("b."));
        Assert.Equal("a.X.b.", await wire.ReadAsync());
    });

    [Fact]
    public async Task Send_WithinAFrame_LeavesBehindIt() => await WithWireAsync(async wire =>
    {
        wire.Kestrel.Write(Bytes("a"));
        var sent = wire.SendAsync("X.");
        Assert.False(sent.IsCompleted);
        wire.Kestrel.Write(Bytes("."));
        await wire.Kestrel.FlushAsync();
        await sent.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("a.X.", await wire.ReadAsync());
    });

    [Fact]
    public async Task Send_DuringKestrelsFlush_LeavesBeforeItsEnd() => await WithWireAsync(async wire =>
    {
        wire.Kestrel.Write(new byte[Transport.Room]);
        var flush = wire.Kestrel.FlushAsync().AsTask();
        var sent = wire.SendAsync("X.");
        Assert.False(flush.IsCompleted || sent.IsCompleted);
        Assert.Equal(Transport.Room, (await wire.ReadAsync()).Length);
        Assert.Equal("X.", await wire.ReadAsync(atLeast: 2));
        await flush.WaitAsync(TimeSpan.FromSeconds(30));
        await sent.WaitAsync(TimeSpan.FromSeconds(30));
    });

    [Fact]
    public async Task Kestrel_WritingDuringAFlushOfOurs_FollowsIt() => await WithWireAsync(async wire =>
    {
        var large = new string('X', Transport.Room) + ".";
        var first = wire.SendAsync(large);
        Assert.False(first.IsCompleted);
        var second = wire.SendAsync("Y.");
        wire.Kestrel.Write(Bytes("a"));
        wire.Kestrel.Write(Bytes("."));
        var flush = wire.Kestrel.FlushAsync().AsTask();
        Assert.False(flush.IsCompleted);
        Assert.Equal(large, await wire.ReadAsync());
        await first.WaitAsync(TimeSpan.FromSeconds(30));
        await flush.WaitAsync(TimeSpan.FromSeconds(30));
        await second.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("a.Y.", await wire.ReadAsync(atLeast: 4));
        await wire.Kestrel.WriteAsync(Bytes("b."));
        Assert.Equal("b.", await wire.ReadAsync());
    });

    [Fact]
    public async Task Send_AfterTheEnd_IsNothing() => await WithWireAsync(async wire =>
    {
        wire.Kestrel.Write(Bytes("a"));
        var waits = wire.SendAsync("X.");
        await wire.Kestrel.CompleteAsync();
        await waits.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(wire.SendAsync("Y.").IsCompletedSuccessfully);
        Assert.DoesNotContain("X", await wire.ReadAsync(atLeast: 0), StringComparison.Ordinal);
    });

    [Fact]
    public async Task Send_ToAClientWithASmallTable_IsNothing() => await WithWireAsync(async wire =>
    {
        byte[] settings = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x0F, 0xFF];
        await wire.ReceiveAsync(settings);
        var sent = wire.SendAsync("X.");
        await wire.Kestrel.WriteAsync(Bytes("a."));
        await sent.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("a.", await wire.ReadAsync());
    });

    [Fact]
    public async Task Settings_WhereNoWebSocketIsServed_OfferNone() => await WithWireAsync(async wire =>
    {
        // As Kestrel writes them: the frame's header, then its entries.
        wire.Kestrel.Write("\0\0\u000c\u0004\0\0\0\0\0"u8);
        wire.Kestrel.Write("\0\u0003\0\0\0\u0001\0\u0008\0\0\0\u0001"u8);
        await wire.Kestrel.FlushAsync();
        await wire.Kestrel.WriteAsync(Bytes("\0\u0008\0\0\0\u0001"));
        Assert.Equal("\0\0\u000c\u0004\0\0\0\0\0\0\u0003\0\0\0\u0001\0\u0008\0\0\0\0\0\u0008\0\0\0\u0001", await wire.ReadAsync());
    });

    [Fact]
    public async Task Both_AtOnce_LeaveWholeAndInOrder() => await WithWireAsync(async wire =>
    {
        const int Many = 3_000;
        var reading = wire.ReadToAsync("end.");
        var ours = Task.Run(async () =>
        {
            for (var number = 0; number < Many; number++)
            {
                var sent = wire.SendAsync($"X{number}.");
                if (number % 3 == 0)
                    await sent.WaitAsync(TimeSpan.FromSeconds(30));
            }
        });
        for (var number = 0; number < Many; number++)
        {
            wire.Kestrel.Write(Bytes($"a{number}"));
            if (number % 7 == 0)
                wire.Kestrel.Write(Bytes(new string('-', 20_000)));
            wire.Kestrel.Write(Bytes("."));
            if (number % 2 == 0)
                await wire.Kestrel.FlushAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        }

        await wire.Kestrel.FlushAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        await ours.WaitAsync(TimeSpan.FromSeconds(30));
        await wire.Kestrel.WriteAsync(Bytes("end."));
        var frames = (await reading).Replace("-", "", StringComparison.Ordinal).Split('.', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Enumerable.Range(0, Many).Select(number => $"X{number}"), frames.Where(frame => frame[0] == 'X'));
        Assert.Equal(Enumerable.Range(0, Many).Select(number => $"a{number}"), frames.Where(frame => frame[0] == 'a'));
    });

    private static async Task WithWireAsync(Func<Transport, Task> test)
    {
        await using var connection = new DefaultConnectionContext("test");
        var (come, go) = (new Pipe(), new Pipe(new PipeOptions(pauseWriterThreshold: Transport.Room, resumeWriterThreshold: Transport.Room / 2)));
        connection.Transport = new Duplex(come.Reader, go.Writer);
        connection.Features.Set<IConnectionLifetimeNotificationFeature>(new NoStop());
        var wire = new WireOptions("test", TimeProvider.System, new KestrelLog((_, _, _) => { }));
        await Http2Wire.RunAsync(
            connection,
            async inner =>
            {
                await test(new Transport(inner.Features.Get<Http2Wire>()!, come.Writer, go.Reader));
                await come.Writer.CompleteAsync(); // The client leaves.
            },
            new Http2Options(wire, TimeSpan.FromSeconds(60), 0, TakesWebSockets: false));
    }

    private sealed class Transport(Http2Wire wire, PipeWriter client, PipeReader sent)
    {
        /// <summary>So many bytes make a flush wait.</summary>
        public const int Room = 40_000;

        public PipeWriter Kestrel => wire.Output;

        public Task SendAsync(string frame) => wire.SendAsync(Bytes(frame));

        public async Task ReceiveAsync(byte[] bytes)
        {
            await client.WriteAsync(bytes);
            var read = await wire.Input.ReadAsync();
            wire.Input.AdvanceTo(read.Buffer.End);
        }

        public async Task<string> ReadAsync(int atLeast = 1)
        {
            if (atLeast == 0)
                return sent.TryRead(out var there) ? Take(there) : "";
            return Take(await sent.ReadAtLeastAsync(atLeast).AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
        }

        public async Task<string> ReadToAsync(string end)
        {
            var text = new StringBuilder();
            while (text.Length < end.Length || text.ToString(text.Length - end.Length, end.Length) != end)
                text.Append(await ReadAsync());
            return text.ToString();
        }

        private string Take(ReadResult read)
        {
            var text = Encoding.ASCII.GetString(read.Buffer);
            sent.AdvanceTo(read.Buffer.End);
            return text;
        }
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class NoStop : IConnectionLifetimeNotificationFeature
    {
        public CancellationToken ConnectionClosedRequested { get; set; }

        public void RequestClose()
        {
        }
    }
}
