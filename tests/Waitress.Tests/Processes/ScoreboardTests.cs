using System.Buffers.Binary;
using Waitress.Processes;

namespace Waitress.Tests.Processes;

public sealed class ScoreboardTests
{
    [Fact]
    public void Fields_Written_AreAtTheirPlacesInTheFile()
    {
        using var test = new TestBoard(3);
        using (var board = test.Open())
        {
            Assert.Equal(3, board.Slots);
            board[2, Field.Heartbeat] = long.MaxValue - 5;
            board[1, Field.WantsToAccept] = 1;
            Assert.Equal(long.MaxValue - 5, board[2, Field.Heartbeat]);
        }

        // The layout is a contract with the Python side: 64 bytes of header, 256 per slot, field 2 and field 16.
        Assert.Equal(long.MaxValue - 5, BinaryPrimitives.ReadInt64LittleEndian(test.Bytes.AsSpan(64 + (2 * 256) + (2 * 8))));
        Assert.Equal(1, BinaryPrimitives.ReadInt64LittleEndian(test.Bytes.AsSpan(64 + 256 + (16 * 8))));
    }

    [Fact]
    public void Fields_OfAnotherMapping_AreSeen()
    {
        using var test = new TestBoard(1);
        using var one = test.Open();
        using var two = test.Open();
        one[0, Field.Connections] = 7;
        Assert.Equal(7, two[0, Field.Connections]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(16)]
    public void Open_OtherFile_IsRefused(int corrupted)
    {
        using var test = new TestBoard(2);
        test.Corrupt(corrupted);
        Assert.Throws<IOException>(test.Open);
    }

    [Fact]
    public void Fields_AfterDispose_AreNothing()
    {
        using var test = new TestBoard(1);
        var board = test.Open();
        board[0, Field.Accepted] = 3;
        board.Dispose();
        board[0, Field.Accepted] = 4;
        Assert.Equal(0, board[0, Field.Accepted]);
    }

    [Fact]
    public void Handoff_FromJson_NamesDescriptors()
    {
        var handoff = Handoff.From(new Dictionary<string, object?>
        {
            ["slot"] = 1L, ["slots"] = 2L, ["name"] = "3", ["sockets"] = new List<object?> { 5L, 6L }, ["board"] = 7L,
            ["wakers"] = new List<object?> { 8L, null }, ["waker"] = 9L, ["max_requests"] = 50L,
        });
        Assert.Equal((1, 7, 9, 50), (handoff.Slot, handoff.Board, handoff.Waker, handoff.MaxRequests));
        Assert.Equal([5, 6], handoff.Sockets);
        Assert.Equal([8, -1], handoff.Wakers);
    }

    [Fact]
    public void Handoff_WithoutSockets_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Handoff.From(new Dictionary<string, object?> { ["sockets"] = new List<object?> { "x" } }));
}
