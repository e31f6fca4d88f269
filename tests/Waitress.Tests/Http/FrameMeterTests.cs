using System.Buffers;
using Waitress.Http;

namespace Waitress.Tests.Http;

public class FrameMeterTests
{
    private const byte Data = 0, Headers = 1, Priority = 2, Reset = 3, Settings = 4, Ping = 6, WindowUpdate = 8, Continuation = 9, Unknown = 99;

    private readonly ManualTime time = new();

    private static byte[] Frame(byte type, int length, byte flags = 0) =>
        [(byte)(length >> 16), (byte)(length >> 8), (byte)length, type, flags, 0, 0, 0, 1, .. new byte[length]];

    private static byte[] Many(byte[] frame, int times) => [.. Enumerable.Repeat(frame, times).SelectMany(each => each)];

    [Theory]
    [InlineData(Ping, 8)]
    [InlineData(Settings, 0)]
    [InlineData(Priority, 5)]
    [InlineData(Data, 0)]
    [InlineData(Headers, 0)]
    [InlineData(Continuation, 0)]
    [InlineData(Unknown, 100)]
    public void Scan_FramesThatBringNothingOn_AreAFloodBeyondTheBurst(byte type, int length)
    {
        var meter = new FrameMeter(time);
        meter.Scan(new ReadOnlySequence<byte>(Many(Frame(type, length), FrameMeter.Burst)));
        Assert.False(meter.IsFlooded);
        meter.Scan(new ReadOnlySequence<byte>(Frame(type, length)));
        Assert.True(meter.IsFlooded);
    }

    [Theory]
    [InlineData(10, 9, 0, true)]
    [InlineData(1, 0, 0, true)]
    [InlineData(10, 8, 0, false)]
    [InlineData(10, 9, 1, false)]
    public void Scan_PaddedData_CountsWhenItIsPaddingAloneInAnyDivision(int length, byte padding, byte flags, bool flood)
    {
        var frame = Frame(Data, length, (byte)(flags | 8));
        frame[9] = padding;
        for (var step = 1; step <= frame.Length; step += 3)
        {
            var meter = new FrameMeter(time);
            foreach (var piece in Many(frame, FrameMeter.Burst + 1).Chunk(step))
                meter.Scan(new ReadOnlySequence<byte>(piece));
            Assert.Equal(flood, meter.IsFlooded);
        }
    }

    [Theory]
    [InlineData(Data, 1, 0)]
    [InlineData(Data, 0, 1)]
    [InlineData(Headers, 10, 0)]
    [InlineData(Continuation, 10, 0)]
    [InlineData(Reset, 4, 0)]
    [InlineData(WindowUpdate, 4, 0)]
    public void Scan_FramesOfRequests_AreNotCounted(byte type, int length, byte flags)
    {
        var meter = new FrameMeter(time);
        meter.Scan(new ReadOnlySequence<byte>(Many(Frame(type, length, flags), FrameMeter.Burst * 3)));
        Assert.False(meter.IsFlooded);
    }

    [Theory]
    [InlineData(1, 4095, true)]
    [InlineData(1, 0, true)]
    [InlineData(1, 4096, false)]
    [InlineData(1, 65_536, false)]
    [InlineData(4, 0, false)]
    public void Scan_SettingsOfTheTable_AreSeenInAnyDivision(byte name, int value, bool small)
    {
        byte[] payload = [0, 3, 0, 0, 0, 100, 0, name, (byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
        byte[] bytes = [.. Frame(Headers, 12), .. Frame(Settings, 0, 1), 0, 0, 12, Settings, 0, 0, 0, 0, 0, .. payload, .. Frame(Data, 12)];
        for (var size = 1; size <= bytes.Length; size++)
        {
            var meter = new FrameMeter(time);
            foreach (var piece in bytes.Chunk(size))
                meter.Scan(new ReadOnlySequence<byte>(piece));
            Assert.Equal(small, meter.HasSmallTable);
        }
    }

    [Fact]
    public void Scan_AllowedRate_GoesOnForEver()
    {
        var meter = new FrameMeter(time);
        for (var second = 0; second < 20; second++)
        {
            meter.Scan(new ReadOnlySequence<byte>(Many(Frame(Ping, 8), FrameMeter.PerSecond)));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.False(meter.IsFlooded);
        meter.Scan(new ReadOnlySequence<byte>(Many(Frame(Ping, 8), FrameMeter.Burst + 1)));
        Assert.True(meter.IsFlooded);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(10)]
    [InlineData(1000)]
    public void Scan_AnyDivision_CountsAlike(int step)
    {
        // The payload looks like a ping's header itself.
        byte[] bytes = [.. Frame(Data, 9)[..9], .. Frame(Ping, 8)[..9], .. Many(Frame(Ping, 8), FrameMeter.Burst)];
        var meter = new FrameMeter(time);
        for (var at = 0; at < bytes.Length; at += step)
            meter.Scan(new ReadOnlySequence<byte>(bytes, at, Math.Min(step, bytes.Length - at)));
        Assert.False(meter.IsFlooded);
        meter.Scan(new ReadOnlySequence<byte>(Frame(Ping, 8)));
        Assert.True(meter.IsFlooded);
    }
}
